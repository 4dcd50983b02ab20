//go:build unix && !linux

package spool

// ordinary refuses nothing: only Linux has file systems in which even root cannot make a file.
func ordinary(string) error { return nil }
