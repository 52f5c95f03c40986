package memory

import (
	"context"
)

func (e *Engine) LPush(context.Context, string, ...string) (int64, error)        { panic("pending") }
func (e *Engine) RPush(context.Context, string, ...string) (int64, error)        { panic("pending") }
func (e *Engine) LPop(context.Context, string, int) ([]string, error)            { panic("pending") }
func (e *Engine) RPop(context.Context, string, int) ([]string, error)            { panic("pending") }
func (e *Engine) LRange(context.Context, string, int64, int64) ([]string, error) { panic("pending") }
func (e *Engine) LTrim(context.Context, string, int64, int64) error              { panic("pending") }
func (e *Engine) LLen(context.Context, string) (int64, error)                    { panic("pending") }
func (e *Engine) SAdd(context.Context, string, ...string) (int64, error)         { panic("pending") }
func (e *Engine) SRem(context.Context, string, ...string) (int64, error)         { panic("pending") }
func (e *Engine) SMembers(context.Context, string) ([]string, error)             { panic("pending") }
func (e *Engine) SMIsMember(context.Context, string, ...string) ([]bool, error)  { panic("pending") }
func (e *Engine) SCard(context.Context, string) (int64, error)                   { panic("pending") }
func (e *Engine) SUnion(context.Context, ...string) ([]string, error)            { panic("pending") }
func (e *Engine) SInter(context.Context, ...string) ([]string, error)            { panic("pending") }
func (e *Engine) SDiff(context.Context, ...string) ([]string, error)             { panic("pending") }
func (e *Engine) PFAdd(context.Context, string, ...string) (bool, error)         { panic("pending") }
func (e *Engine) PFCount(context.Context, ...string) (int64, error)              { panic("pending") }
func (e *Engine) PFMerge(context.Context, string, ...string) error               { panic("pending") }
