package memory

import "hyperlocal/cache/memory/internal/dict"

// memberSet is the value of a set's key: a map whose values are empty.
type memberSet struct{ dict.Dict }

func newMemberSet() *memberSet { return &memberSet{} }

func (*memberSet) typeName() string { return "set" }
func (s *memberSet) memory() int64  { return s.Bytes() }
func (s *memberSet) vacant() bool   { return s.Len() == 0 }

func (s *memberSet) has(name string) bool { return s.Find(name) != 0 }
func (s *memberSet) add(name string) bool { return s.Set(name, "") }
func (s *memberSet) del(name string) bool { return deleteTidily(&s.Dict, name) }
