package spool

// writable refuses nothing: on Windows only writing tells who may write.
func writable(string) error { return nil }
