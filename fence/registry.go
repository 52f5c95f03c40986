package fence

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"hyperlocal/cache"
)

// held is a fence as this server has it. Fences.mu guards what may change.
type held struct {
	id   string
	text string // its JSON in the engine; empty for a store's

	shape *shape
	rules rules
	gone  bool // removed; drivers may still be remembered to be in it

	number uint32 // in the index

	noted atomic.Int64 // when it was last noted as occupied, ms
}

// keepChanges is how many changes a server may miss without reading all fences
// again.
const keepChanges = 1000

// putScript writes one fence; see put.lua.
var putScript = &cache.Script{Name: "fence_put", Lua: putLua, Go: putTwin}

//go:embed put.lua
var putLua string

const changeField = "fence"

func putCall(id, text string, most int) cache.Call {
	return cache.Call{
		Script: putScript, Keys: []string{keyFences, keyChanges},
		Args: []string{id, text, strconv.Itoa(most), strconv.Itoa(keepChanges)},
	}
}

func putTwin(tx cache.Tx, keys, args []string) cache.Value {
	before := tx.HGet(keys[0], args[0])
	most, _ := strconv.ParseInt(args[2], 10, 64) // putCall wrote it
	keep, _ := strconv.Atoi(args[3])
	switch {
	case args[1] == "":
		if !before.OK {
			return cache.Int(0)
		}
		tx.HDel(keys[0], args[0])
	case before.OK && before.Str == args[1]:
		return cache.Int(1)
	case !before.OK && tx.HLen(keys[0]) >= most:
		return cache.Int(-1)
	default:
		tx.HSet(keys[0], args[0], args[1])
	}
	seq := int64(1)
	if newest := tx.XRevRange(keys[1], "+", "-", 1); len(newest) > 0 {
		seq = seqOf(newest[0]) + 1
	}
	tx.XAdd(keys[1], decimal(seq)+"-0", keep, cache.Field{Name: changeField, Value: args[0]})
	return cache.Int(1)
}

// Put adds a fence or changes it. Other servers know it a second later. Drivers
// within a changed fence are within it until their fixes say otherwise.
//
// Errors: ErrInvalid, ErrTooMany.
func (f *Fences) Put(ctx context.Context, fence Fence) (Fence, error) {
	if _, err := fence.shape(); err != nil {
		return Fence{}, err
	}
	text, err := json.Marshal(fence)
	if err != nil {
		return Fence{}, fmt.Errorf("put fence %s: %w", fence.ID, err)
	}
	call := putCall(fence.ID, string(text), f.opt.MaxFences)
	reply, err := f.durable.Run(ctx, call.Script, call.Keys, call.Args)
	if err != nil {
		return Fence{}, fmt.Errorf("put fence %s: %w", fence.ID, err)
	}
	if reply.Int < 0 {
		return Fence{}, fmt.Errorf("%w: there are %d", ErrTooMany, f.opt.MaxFences)
	}
	return fence, f.refreshFences(ctx)
}

// Remove removes a fence with its events. Drivers within it leave without one.
//
// Errors: ErrNotFound.
func (f *Fences) Remove(ctx context.Context, id string) error {
	if !isID(id) {
		return fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	call := putCall(id, "", f.opt.MaxFences)
	reply, err := f.durable.Run(ctx, call.Script, call.Keys, call.Args)
	switch {
	case err != nil:
		return fmt.Errorf("remove fence %s: %w", id, err)
	case reply.Int == 0:
		return fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	if err := f.refreshFences(ctx); err != nil {
		return err
	}
	return f.forget(ctx, id)
}

// forget removes what the engine has of a fence that is no more. What another
// server writes in the second until it knows, Sweep removes.
func (f *Fences) forget(ctx context.Context, id string) error {
	if _, err := f.engine.Del(ctx, keyDrivers(id), keyEvents(id)); err != nil {
		return fmt.Errorf("forget fence %s: %w", id, err)
	}
	return nil
}

// Get returns a fence that callers put.
//
// Errors: ErrNotFound.
func (f *Fences) Get(ctx context.Context, id string) (Fence, error) {
	text, err := f.engine.HGet(ctx, keyFences, id)
	switch {
	case err != nil:
		return Fence{}, fmt.Errorf("read fence %s: %w", id, err)
	case !text.OK:
		return Fence{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	return decodeFence(id, text.Str)
}

// List returns at most limit of the fences that callers put, in order of id, from
// after on, as this server knows them.
func (f *Fences) List(after string, limit int) ([]Fence, error) {
	f.mu.RLock()
	texts := make(map[string]string)
	var ids []string
	for id, h := range f.held {
		if h.text != "" && id > after {
			ids = append(ids, id)
			texts[id] = h.text
		}
	}
	f.mu.RUnlock()
	slices.Sort(ids)
	out := make([]Fence, 0, min(limit, len(ids)))
	for _, id := range ids[:min(limit, len(ids))] {
		fence, err := decodeFence(id, texts[id])
		if err != nil {
			return nil, err
		}
		out = append(out, fence)
	}
	return out, nil
}

func decodeFence(id, text string) (fence Fence, err error) {
	if err := json.Unmarshal([]byte(text), &fence); err != nil {
		return fence, fmt.Errorf("fence %s as the engine has it: %w", id, err)
	}
	return fence, nil
}

// refreshFences learns what callers have put and removed since the last time.
func (f *Fences) refreshFences(ctx context.Context) error {
	f.refreshing.Lock()
	defer f.refreshing.Unlock()
	newest, err := f.engine.XRevRange(ctx, keyChanges, "+", "-", 1)
	if err != nil {
		return fmt.Errorf("read changes of fences: %w", err)
	}
	last := int64(0)
	if len(newest) > 0 {
		last = seqOf(newest[0])
	}
	switch {
	case f.loaded && last == f.lastChange:
		return nil
	case !f.loaded || last < f.lastChange || last-f.lastChange > keepChanges/2:
		err = f.readAll(ctx)
	default:
		err = f.readChanged(ctx, last)
	}
	if err == nil {
		f.loaded, f.lastChange = true, last
	}
	return err
}

func (f *Fences) readAll(ctx context.Context) error {
	all, err := f.engine.HGetAll(ctx, keyFences)
	if err != nil {
		return fmt.Errorf("read fences: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, h := range f.held {
		if _, there := all[id]; h.text != "" && !there {
			f.drop(h)
		}
	}
	for id, text := range all {
		f.hold(id, text)
	}
	return nil
}

func (f *Fences) readChanged(ctx context.Context, last int64) error {
	changes, err := f.engine.XRange(ctx, keyChanges, decimal(f.lastChange+1)+"-0", decimal(last)+"-0", 0)
	if err != nil {
		return fmt.Errorf("read changes of fences: %w", err)
	}
	if int64(len(changes)) != last-f.lastChange {
		return f.readAll(ctx) // trimmed meanwhile
	}
	ids := make([]string, len(changes))
	for i, c := range changes {
		ids[i] = c.Fields[0].Value
	}
	texts, err := f.engine.HMGet(ctx, keyFences, ids...)
	if err != nil {
		return fmt.Errorf("read fences: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, id := range ids {
		if texts[i].OK {
			f.hold(id, texts[i].Str)
		} else if h := f.held[id]; h != nil {
			f.drop(h)
		}
	}
	return nil
}

// hold takes in a fence as the engine has it. The caller holds f.mu.
func (f *Fences) hold(id, text string) {
	if h := f.held[id]; h != nil && h.text == text {
		return
	}
	fence, err := decodeFence(id, text)
	var s *shape
	if err == nil {
		s, err = fence.shape()
	}
	if err != nil { // written by a newer version, perhaps
		f.opt.Log.Warn("fence is left out", "fence", id, "err", err)
		return
	}
	f.place(id, text, s, fence.DwellS)
}

// place puts a fence where fixes find it. The caller holds f.mu.
func (f *Fences) place(id, text string, s *shape, dwellS int) {
	h := f.held[id]
	if h == nil {
		h = &held{id: id}
		f.held[id] = h
	} else {
		f.index.remove(h)
	}
	h.text, h.shape = text, s
	h.rules = f.rules(s, dwellS)
	f.index.add(h)
}

func (f *Fences) rules(s *shape, dwellS int) rules {
	return rules{
		depthDM: int64(s.depthM * 10), dwellMS: int64(dwellS) * 1000,
		fixes: int64(f.opt.ConfirmFixes), confirmMS: f.opt.ConfirmAfter.Milliseconds(),
	}
}

// drop takes a fence out. The caller holds f.mu.
func (f *Fences) drop(h *held) {
	f.index.remove(h)
	h.gone = true
	delete(f.held, h.id)
}

// refreshStores learns where stores are, and puts a fence around each open one.
func (f *Fences) refreshStores(ctx context.Context) error {
	stores, err := f.stores.Stores(ctx)
	if err != nil {
		return fmt.Errorf("read stores: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	open, moved := make(map[string]bool, len(stores)), false
	for _, s := range stores {
		if at := (Place{s.Lat, s.Lon}); f.storeAt[s.ID] != at {
			f.storeAt[s.ID], moved = at, true
		}
		id := storePrefix + s.ID
		if !s.Open || !(s.Lat >= -MaxLat && s.Lat <= MaxLat) {
			continue
		}
		open[id] = true
		if h := f.held[id]; h == nil || h.shape.lat != s.Lat || h.shape.lon != s.Lon {
			f.place(id, "", circleShape(s.Lat, s.Lon, f.opt.StoreRadiusM), 0)
		}
	}
	for id, h := range f.held {
		if strings.HasPrefix(id, storePrefix) && !open[id] {
			f.drop(h)
		}
	}
	if moved {
		f.storesMoved()
	}
	return nil
}
