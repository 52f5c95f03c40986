"""Does what programs do with redis-py, and prints what it answers.

usage: client.py HOST:PORT PASSWORD PROTOCOL
"""

import sys
import threading

import redis

host, port = sys.argv[1].rsplit(":", 1)
r = redis.Redis(host=host, port=int(port), password=sys.argv[2], protocol=int(sys.argv[3]),
                client_name="mine", decode_responses=True, socket_timeout=20, health_check_interval=10)


def show(what, ask):
    """Prints an answer, or how it is refused."""
    try:
        print(f"{what}: {ask()!r}")
    except redis.ResponseError as e:
        print(f"{what} refused: {type(e).__name__} {e}")


def strings():
    show("ping", r.ping)
    show("name", r.client_getname)
    show("set", lambda: r.set("s", "value", ex=3600))
    show("set nx", lambda: r.set("s", "other", nx=True))
    show("set get", lambda: r.set("s", "next", get=True, keepttl=True))
    show("get", lambda: [r.get("s"), r.get("none")])
    show("ttl", lambda: [r.ttl("s") > 3000, r.ttl("none")])
    show("expire", lambda: r.expire("s", 60, gt=True))
    show("incr", lambda: [r.incr("n"), r.incrby("n", 41), r.decr("n")])
    show("incr text", lambda: r.incr("s"))
    show("mset", lambda: r.mset({"{m}a": 1, "{m}b": 2}))
    show("mget", lambda: r.mget("{m}a", "none", "{m}b"))
    show("getdel", lambda: [r.getdel("{m}a"), r.getex("{m}b", ex=100)])
    show("pf", lambda: [r.pfadd("p1", "a", "b"), r.pfadd("p2", "c"), r.pfcount("p1", "p2"), r.pfmerge("p3", "p1", "p2")])
    show("binary", lambda: r.set("bytes", bytes(range(32)) + "ü".encode()))
    show("unknown", lambda: r.execute_command("NOSUCH", "a", "b"))


def collections():
    show("list", lambda: [r.rpush("l", 1, 2, 3, 4), r.ltrim("l", 1, -1), r.lrange("l", 0, -1), r.lpop("l", 2), r.rpop("l"), r.llen("l")])
    show("set", lambda: [r.sadd("{s}1", "a", "b", "c"), r.sadd("{s}2", "b"), r.smismember("{s}1", ["a", "x"]), r.srem("{s}1", "x")])
    show("algebra", lambda: [sorted(f("{s}1", "{s}2")) for f in (r.sunion, r.sinter, r.sdiff)] + [sorted(r.smembers("{s}1"))])
    show("hash", lambda: [r.hset("h", mapping={"name": "S1", "units": 7}), r.hget("h", "name"), r.hmget("h", "name", "none")])
    show("hash more", lambda: [r.hincrby("h", "units", -2), sorted(r.hgetall("h").items()), r.hdel("h", "name"), r.hlen("h")])
    show("wrong type", lambda: r.hget("s", "f"))
    show("zadd", lambda: [r.zadd("z", {"a": 1.5, "b": 2, "c": 3e20}), r.zadd("z", {"a": 1, "b": 9}, gt=True, ch=True), r.zadd("z", {"a": 0.25}, incr=True)])
    show("zrange", lambda: r.zrange("z", "(100", "-inf", byscore=True, desc=True, offset=0, num=2, withscores=True))
    show("zset", lambda: [r.zrank("z", "c"), r.zscore("z", "a"), r.zincrby("z", 1, "b"), r.zcount("z", "(1", "inf"), r.zremrangebyrank("z", 0, 0)])
    show("geoadd", lambda: r.geoadd("g", (77.5946, 12.9716, "near", 77.61, 12.98, "far")))
    show("geo", lambda: [r.geopos("g", "near", "none"), r.geodist("g", "near", "far", "m"), r.geohash("g", "far")])
    show("geosearch", lambda: r.geosearch("g", longitude=77.59, latitude=12.97, radius=5, unit="km", sort="ASC", count=5, withdist=True))


def streams():
    show("xadd", lambda: [r.xadd("x", {"i": i}, id=f"{i + 1}-0", maxlen=2, approximate=False) for i in range(3)])
    show("xrange", lambda: [r.xrange("x"), r.xrevrange("x", count=1), r.xlen("x")])
    writer = threading.Timer(0.05, lambda: r.xadd("x", {"i": "awaited"}, id="9-0"))
    writer.start()
    show("xread", lambda: r.xread({"x": "3"}, block=20_000))
    writer.join()
    show("xread nothing new", lambda: r.xread({"x": "9"}, block=1))


def pipelines():
    p = r.pipeline(transaction=False)
    for i in range(500):
        p.incr("counter")
    p.incr("h")
    p.hset("large", mapping={f"f{i}": i for i in range(1000)})
    for i in range(1000):
        p.set(f"many:{i}", i)
    answers = p.execute(raise_on_error=False)
    print("pipeline:", len(answers), answers[498:502], answers[-1])


def scans():
    show("scan", lambda: sorted(set(r.scan_iter(match="many:*", count=100))))
    show("scan hashes", lambda: sorted(set(r.scan_iter(_type="hash"))))
    show("hscan", lambda: sorted(set(r.hscan_iter("large", match="f*", count=50))))
    show("dbsize", r.dbsize)


def channels():
    sub = r.pubsub()
    sub.subscribe("news")
    sub.psubscribe("n?ws*")
    show("subscribed", lambda: [sub.get_message(timeout=20) for _ in range(2)])
    show("publish", lambda: [r.publish("news", "twice"), r.publish("silence", "…")])
    show("heard", lambda: [sub.get_message(timeout=20) for _ in range(2)])
    sub.unsubscribe("news")
    show("unsubscribed", lambda: sub.get_message(timeout=20))
    r.publish("newspaper", "by its pattern")
    show("heard by its pattern", lambda: sub.get_message(timeout=20))
    sub.close()


def around():
    """Asks what each server answers in its own way."""
    assert r.info("memory")["used_memory"] > 0
    assert r.info("keyspace")["db0"]["keys"] == r.dbsize()
    assert "get" in r.command(), "COMMAND"
    assert any(c["name"] == "mine" for c in r.client_list())
    assert r.memory_usage("s") > 0
    assert r.config_get("maxmemory*")["maxmemory"] == "0"
    assert r.object("encoding", "h")


for part in (strings, collections, streams, pipelines, scans, channels, around):
    part()
r.close()
print("done")
