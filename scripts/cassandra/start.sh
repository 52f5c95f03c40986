#!/usr/bin/env bash
# Runs one Cassandra node in the foreground, logging to standard output.
#
#   start.sh LIB_DIR NODE_DIR ADDRESS NATIVE_PORT STORAGE_PORT JMX_PORT HEAP [SEEDS]
#
# SEEDS are the nodes of its ring, as ADDRESS:STORAGE_PORT with commas between;
# by default the node is alone. A seed does not wait for others' data when it
# starts, so a new ring whose nodes are all seeds may be started at once.
# The process becomes Java itself (exec), so the caller's pid is the node's.
# JAVA names the Java 17 to use, when it is not the one on the PATH, MORE_YAML a
# file with further settings, and JAVA_MORE an argument that counts more than those
# of jvm.options.
set -euo pipefail

if [ $# -ne 7 ] && [ $# -ne 8 ]; then
	echo "usage: $0 LIB_DIR NODE_DIR ADDRESS NATIVE_PORT STORAGE_PORT JMX_PORT HEAP [SEEDS]" >&2
	exit 2
fi
lib=$1 node=$2 address=$3 native_port=$4 storage_port=$5 jmx_port=$6 heap=$7
seeds=${8:-$address:$storage_port}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

mkdir -p "$node"
node=$(cd "$node" && pwd)
lib=$(cd "$lib" && pwd)
# Native libraries are unpacked here, and stay behind when a node is killed.
rm -rf "$node/tmp"
mkdir "$node/tmp"
sed -e "s|@ADDRESS@|$address|g" \
	-e "s|@NATIVE_PORT@|$native_port|g" \
	-e "s|@STORAGE_PORT@|$storage_port|g" \
	-e "s|@SEEDS@|$seeds|g" \
	"$here/cassandra.yaml.in" ${MORE_YAML:+"$MORE_YAML"} >"$node/cassandra.yaml"

# A process that may lock memory has Cassandra pin its whole heap at the start,
# touching every page. Root may; take that right away where we can.
unlocked=()
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	unlocked=(setpriv --inh-caps=-ipc_lock --bounding-set=-ipc_lock)
fi

# By default glibc keeps eight arenas a core for a program with many threads:
# memory that is never used again.
export MALLOC_ARENA_MAX=2
cd "$node"
exec "${unlocked[@]}" "${JAVA:-java}" "@$here/jvm.options" ${JAVA_MORE:+"$JAVA_MORE"} "-Xms$heap" "-Xmx$heap" \
	"-Dlogback.configurationFile=file://$here/logback.xml" \
	"-Dcassandra.config=file://$node/cassandra.yaml" \
	"-Dcassandra.storagedir=$node" \
	"-Dcassandra.jmx.local.port=$jmx_port" -Dcassandra.superuser_setup_delay_ms=0 \
	"-Djava.io.tmpdir=$node/tmp" "-Djna.tmpdir=$node/tmp" \
	-cp "$lib/*" org.apache.cassandra.service.CassandraDaemon
