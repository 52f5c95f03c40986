package cache

import "strings"

// Tag returns a key's hash tag as Redis Cluster defines it: the text between
// the first '{' and the next '}' after it, if it is not empty; else the whole
// key.
func Tag(key string) string {
	open := strings.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	n := strings.IndexByte(key[open+1:], '}')
	if n <= 0 {
		return key
	}
	return key[open+1 : open+1+n]
}

// OneTag returns the tag that all keys share, or ErrCrossSlot.
func OneTag(keys []string) (string, error) {
	if len(keys) == 0 {
		return "", ErrCrossSlot
	}
	tag := Tag(keys[0])
	for _, k := range keys[1:] {
		if Tag(k) != tag {
			return "", ErrCrossSlot
		}
	}
	return tag, nil
}
