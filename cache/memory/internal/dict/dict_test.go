package dict

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

func contents(d *Dict) map[string]string {
	m := map[string]string{}
	for name, value := range d.All() {
		m[string(name)] = string(value)
	}
	return m
}

func TestModel(t *testing.T) {
	// Few names, so that writes meet; all sizes, tall ones too.
	names := rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 40), func(i int) string { return fmt.Sprint("name:", i) }),
		rapid.SampledFrom([]string{"", "\x00", strings.Repeat("n", maxName), strings.Repeat("n", maxName+1)}))
	values := rapid.Map(rapid.SampledFrom([]int{0, 1, 2, 3, 7, 8, 40, 120, 130, 500, 1700, 2040, 2050, 70_000}),
		func(n int) string { return strings.Repeat("v", n) })
	rapid.Check(t, func(t *rapid.T) {
		var d Dict
		model := map[string]string{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				name, value := names.Draw(t, "name"), values.Draw(t, "value")
				_, there := model[name]
				require.Equal(t, !there, d.Set(name, value))
				model[name] = value
			},
			"set many": func(t *rapid.T) {
				fields := make([]cache.Field, rapid.IntRange(0, 150).Draw(t, "fields"))
				before := len(model)
				for i := range fields {
					fields[i] = cache.Field{Name: names.Draw(t, "name"), Value: values.Draw(t, "value")}
					model[fields[i].Name] = fields[i].Value
				}
				require.EqualValues(t, len(model)-before, d.SetMany(fields))
			},
			"append": func(t *rapid.T) {
				name, text := names.Draw(t, "name"), values.Draw(t, "value")
				room := rapid.SampledFrom([]int{0, 1, 100, 3000}).Draw(t, "room")
				ref := d.Find(name)
				if len(model[name]) > 1<<17 {
					return
				}
				if ref == 0 {
					ref = d.Add(name, "", room)
				}
				moved := d.Append(ref, name, text, room)
				model[name] += text
				require.Equal(t, moved, d.Find(name))
			},
			"delete": func(t *rapid.T) {
				name := names.Draw(t, "name")
				_, there := model[name]
				require.Equal(t, there, d.Delete(name))
				delete(model, name)
			},
			"rebuild": func(t *rapid.T) {
				refs := map[string]Ref{}
				for name := range model {
					refs[name] = d.Find(name)
				}
				forward := d.Rebuild()
				for name, ref := range refs {
					require.Equal(t, d.Find(name), forward(ref))
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), d.Len())
				require.True(t, maps.Equal(model, contents(&d)))
				asked := []string{"no such name"}
				for name, value := range model {
					got, ok := d.Get(name)
					require.True(t, ok)
					require.Equal(t, value, string(got))
					asked = append(asked, name)
				}
				for i, v := range d.GetMany(asked) {
					require.Equal(t, i > 0, v.OK)
					require.Equal(t, model[asked[i]], v.Str)
				}
				if len(model) == 0 {
					require.Equal(t, structSize, d.Bytes())
				}
			},
		})
	})
}

// What stays is on some page, whatever comes and goes between the pages.
func TestPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Dict
		stay := rapid.IntRange(0, 300).Draw(t, "stay")
		for i := range stay {
			d.Set(fmt.Sprint("stay:", i), "v")
		}
		seen := map[string]bool{}
		next, more, written := uint64(0), true, 0
		for more {
			next, more = d.Page(next, rapid.IntRange(1, 50).Draw(t, "count"), func(name, _ []byte) { seen[string(name)] = true })
			for range rapid.IntRange(0, 100).Draw(t, "writes") {
				if name := fmt.Sprint("go:", written%150); !d.Delete(name) {
					d.Set(name, "v")
				}
				written += rapid.IntRange(1, 5).Draw(t, "step")
			}
			if d.Sparse() {
				d.Rebuild()
			}
		}
		for i := range stay {
			require.True(t, seen[fmt.Sprint("stay:", i)])
		}
	})
}

// Without writes each entry is on exactly one page, and pages are as long as
// asked for.
func TestPagesWithoutWrites(t *testing.T) {
	var d Dict
	for i := range 10_000 {
		d.Set(fmt.Sprint(i), "")
	}
	seen, pages := 0, 0
	for next, more := uint64(0), true; more; pages++ {
		next, more = d.Page(next, 100, func(_, _ []byte) { seen++ })
	}
	require.Equal(t, 10_000, seen)
	require.InDelta(t, 100, pages, 70)
}

func TestSizeClasses(t *testing.T) {
	for units := 1; units <= maxEntry/unit; units++ {
		class := classOf(units)
		require.Less(t, class, classes)
		require.GreaterOrEqual(t, unitsOf(class), units)
		require.LessOrEqual(t, unitsOf(class), max(smallestUnits, units+(units-1)/8), "units %d", units)
		require.Equal(t, class, classOf(unitsOf(class)))
	}
}

// heap runs fill and returns by how much the heap has grown, with its result
// kept alive.
func heap[T any](fill func() T) (T, int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := fill()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return v, int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func TestBytes(t *testing.T) {
	for name, fill := range map[string]func() []*Dict{
		"many small maps": func() (ds []*Dict) {
			for range 10_000 {
				d := new(Dict)
				for f := range 6 {
					d.Set(fmt.Sprint("field", f), "value")
				}
				ds = append(ds, d)
			}
			return ds
		},
		"one large map": func() []*Dict {
			d := new(Dict)
			for i := range 300_000 {
				d.Set(fmt.Sprint("product:", i), "57")
			}
			return []*Dict{d}
		},
		"values that grow": func() []*Dict {
			d := new(Dict)
			for n := 20; n < 1200; n += 12 {
				for i := range 1000 {
					d.Set(fmt.Sprint("driver:", i), strings.Repeat("x", n))
				}
			}
			return []*Dict{d}
		},
		"much deleted": func() []*Dict {
			d := new(Dict)
			for i := range 100_000 {
				d.Set(fmt.Sprint("name:", i), "value")
			}
			for i := range 99_000 {
				d.Delete(fmt.Sprint("name:", i))
				if d.Sparse() {
					d.Rebuild()
				}
			}
			return []*Dict{d}
		},
		"tall values": func() []*Dict {
			d := new(Dict)
			for i := range 1000 {
				d.Set(fmt.Sprint("name:", i), strings.Repeat("x", 5000))
			}
			return []*Dict{d}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ds, grown := heap(fill)
			var said int64
			for _, d := range ds {
				said += d.Bytes()
			}
			t.Logf("says %d, heap grew by %d", said, grown)
			require.InEpsilon(t, grown, said, 0.15)
			runtime.KeepAlive(ds)
		})
	}
}

func BenchmarkSet(b *testing.B) {
	names := make([]string, 5000)
	var d Dict
	for i := range names {
		names[i] = fmt.Sprint("product:", i)
		d.Set(names[i], "57")
	}
	for i := 0; b.Loop(); i++ {
		d.Set(names[i%len(names)], "58")
	}
}
