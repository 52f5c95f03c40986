package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

const (
	hammerTags    = 3   // few, so that clients meet
	hammerRecipes = 400 // different commands on each tag
)

// Hammer has clients send commands of every family, drawn at random, to a few
// tags at the same time, and returns the tags. It does not judge the replies,
// which Compare and the suite do; it is for the race detector, for hangs, and for
// what must hold of an engine afterwards. Views of one engine may be clients.
func Hammer(t testing.TB, calls int, clients ...cache.Engine) (tags []string) {
	t.Helper()
	var recipes []step
	for range hammerTags {
		tag := Tag(t)
		tags = append(tags, tag)
		draw := rapid.Custom(func(rt *rapid.T) step {
			families := []func(*rapid.T, string) step{drawStep, drawStep, drawStep, scriptStep, channelStep}
			return rapid.SampledFrom(families).Draw(rt, "kind")(rt, tag)
		})
		for seed := range hammerRecipes {
			recipes = append(recipes, draw.Example(seed))
		}
	}
	next := make(chan int, len(clients))
	for i := range clients {
		next <- i
	}
	inBackground(t, len(clients), func() error {
		client := <-next
		r := rand.New(rand.NewPCG(3, uint64(client)))
		for range calls {
			s := recipes[r.IntN(len(recipes))]
			// Refusals are part of what is drawn.
			_, err := s.do(t.Context(), clients[client])
			if errors.Is(err, cache.ErrUnavailable) || errors.Is(err, cache.ErrNotDurable) {
				return fmt.Errorf("%s: %w", s.text, err)
			}
		}
		return nil
	})
	for _, e := range clients {
		require.NoError(t, e.Ping(t.Context()))
	}
	return tags
}

// scriptStep runs a few commands in one script.
func scriptStep(t *rapid.T, tag string) step {
	commands := make([]command, rapid.IntRange(1, 4).Draw(t, "commands"))
	for i := range commands {
		commands[i] = drawCommand(t, tag)
	}
	c := program([]string{Key(tag, "k1"), Key(tag, "k2"), Key(tag, "k3"), Key(tag, "k4")}, commands...)
	return on(fmt.Sprint("Run ", commands), func(ctx context.Context, e cache.Engine) (cache.Value, error) {
		return e.Run(ctx, c.Script, c.Keys, c.Args)
	})
}

// channelStep subscribes to a channel for a moment, or publishes to it.
func channelStep(t *rapid.T, tag string) step {
	channel := Key(tag, "channel")
	if rapid.Bool().Draw(t, "publish") {
		return on("Publish", func(ctx context.Context, e cache.Engine) (int64, error) { return e.Publish(ctx, channel, "p") })
	}
	return on("Subscribe and Close", func(ctx context.Context, e cache.Engine) (bool, error) {
		sub, err := e.Subscribe(ctx, channel)
		if err != nil {
			return false, err
		}
		return true, sub.Close()
	})
}
