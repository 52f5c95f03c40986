package realtime

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeRequest(t *testing.T) {
	r, bad, err := decodeRequest([]byte(`{
		"subscribe": ["order:56789", "zone:bangalore_south", "order:56789", "nonsense", "store:S1"],
		"since": {"order:56789": "3"},
		"unsubscribe": ["driver:D1"]}`), 10)
	require.Nil(t, err)
	require.Equal(t, []topicName{
		{"order:56789", orderKind, "56789", "subscribe[0]", 3},
		{"zone:bangalore_south", zoneKind, "bangalore_south", "subscribe[1]", noSince},
		{"store:S1", storeKind, "S1", "subscribe[4]", noSince},
	}, r.subscribe)
	require.Equal(t, []topicName{{"driver:D1", driverKind, "D1", "unsubscribe[0]", noSince}}, r.unsubscribe)
	require.Len(t, bad, 1)
	require.Equal(t, "nonsense", bad[0].topic)
	require.Equal(t, "subscribe[3]", bad[0].Field)
}

func TestRefusedMessages(t *testing.T) {
	for message, field := range map[string]string{
		``:                                    "",
		`null`:                                "",
		`[]`:                                  "",
		`{"subscribe":["order:1"]`:            "",
		`{}`:                                  "subscribe",
		`{"subscribe":[]}`:                    "subscribe",
		`{"subscribe":null}`:                  "subscribe",
		`{"subscribe":"order:1"}`:             "subscribe",
		`{"subscribe":[1]}`:                   "subscribe",
		`{"unsubscribe":{"order:1":1}}`:       "unsubscribe",
		`{"subscibe":["order:1"]}`:            "subscibe",
		`{"subscribe":["order:1"],"since":3}`: "since",
		`{"subscribe":["order:1"],"since":{"order:1":3}}`:                "since",
		`{"subscribe":["order:1"],"since":{"order:2":"3"}}`:              "since[order:2]",
		`{"subscribe":["store:1","store:2","store:3","store:4","zone"]}`: "subscribe",
	} {
		_, _, err := decodeRequest([]byte(message), 4)
		require.NotNil(t, err, message)
		require.Equal(t, field, err.Field, message)
		require.Equal(t, codeInvalid, err.Code)
		require.NotEmpty(t, err.Detail)
	}
}

// Starting a replay elsewhere than asked would hide events.
func TestInvalidSinceRefusesTheTopic(t *testing.T) {
	for _, since := range []string{"", "x", "-1", "+1", "1.5", "99999999999999999999", "1700000000000-0"} {
		r, bad, err := decodeRequest([]byte(`{"subscribe":["order:1","store:1"],"since":{"order:1":"`+since+`","store:1":"whatever"}}`), 4)
		require.Nil(t, err)
		require.Len(t, bad, 1, since)
		require.Equal(t, "since[order:1]", bad[0].Field)
		require.Len(t, r.subscribe, 1)
		require.Equal(t, "store:1", r.subscribe[0].name)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, seed := range []string{
		`{"subscribe":["order:56789","zone:z"],"since":{"order:56789":"3"},"unsubscribe":["driver:D1"]}`,
		`{"subscribe":["order:\ud800"]}`, `{"since":{"":""}}`, `{"subscribe":["` + strings.Repeat("é", 200) + `"]}`, `null`, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		const most = 8
		r, bad, err := decodeRequest(message, most)
		if err != nil {
			require.Empty(t, r.subscribe)
			require.Empty(t, r.unsubscribe)
			requireSendable(t, errorFrame("", *err))
			return
		}
		require.LessOrEqual(t, len(r.subscribe)+len(r.unsubscribe)+len(bad), most)
		seen := map[string]bool{}
		for _, n := range r.subscribe {
			require.False(t, seen[n.name], "twice")
			seen[n.name] = true
			k, id, ok := parseTopic(n.name)
			require.True(t, ok)
			require.Equal(t, k, n.kind)
			require.Equal(t, id, n.id)
			require.GreaterOrEqual(t, n.since, int64(noSince))
		}
		for _, b := range bad {
			requireSendable(t, errorFrame(b.topic, b.refusal))
		}
	})
}

// requireSendable checks what is echoed of a stranger's message.
func requireSendable(t *testing.T, f *frame) {
	t.Helper()
	require.Equal(t, typeError, decodeMessage(t, f.body).Type)
	require.Less(t, f.size(), 4096)
}
