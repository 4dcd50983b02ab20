package cmd

import "github.com/k6es/k6es/ingest"

// checkTypes looks at what --metric-type says.
func checkTypes(types map[string]string) error {
	for name, word := range types {
		if _, ok := ingest.ParseMetricType(word); !ok {
			return usageError("--metric-type %s=%s: the type must be counter, gauge, rate or trend", name, word)
		}
	}
	return nil
}

// typedRegistry knows the metrics whose types --metric-type names; checkTypes has seen the words.
func typedRegistry(types map[string]string) *ingest.Registry {
	registry := ingest.NewRegistry()
	for name, word := range types {
		typ, _ := ingest.ParseMetricType(word)
		registry.Define(name, typ)
	}
	return registry
}
