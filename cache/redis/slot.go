package redis

import "hyperlocal/cache"

// slots is how many parts a Cluster's keys are spread over.
const slots = 16384

// slotOf is the slot of a key or a channel: the CRC-16 of its tag.
func slotOf(key string) int {
	var crc uint16
	tag := cache.Tag(key)
	for i := range len(tag) {
		crc = crc<<8 ^ crc16[byte(crc>>8)^tag[i]]
	}
	return int(crc % slots)
}

// crc16 is the table of the polynomial x¹⁶+x¹²+x⁵+1 (XMODEM).
var crc16 = func() (table [256]uint16) {
	const polynomial = 0x1021
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= polynomial
			}
		}
		table[i] = crc
	}
	return table
}()
