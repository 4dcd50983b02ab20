package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// examples are legal values that are not the default, by kind.
var examples = map[Kind]string{
	Text: "other", List: "http://other:9200", Bool: "true", Int: "7", Duration: "42s", Size: "3MiB", Map: "a=b",
}

func (o *Option) example() string {
	if o.Choices != nil {
		return o.Choices[len(o.Choices)-1]
	}
	return examples[o.Kind()]
}

func TestEveryOptionReachesItsField(t *testing.T) {
	t.Parallel()
	for i := range options {
		option := &options[i]
		if option.Ignored != "" {
			continue
		}
		changed := Config{}
		require.NoError(t, option.set(&changed, option.example()), option.Name)
		assert.Equal(t, fieldName(t, option), strings.Join(nonZeroFields(changed), ","), option.Name)
	}
}

func TestEveryFieldHasAnOption(t *testing.T) {
	t.Parallel()
	fields := map[string]bool{}
	for i := range options {
		if options[i].Ignored == "" {
			name := fieldName(t, &options[i])
			assert.False(t, fields[name], "two options fill %s", name)
			fields[name] = true
		}
	}
	for field := range reflect.TypeFor[Config]().Fields() {
		if field.IsExported() && field.Name != "Warnings" {
			assert.True(t, fields[field.Name], "%s has no option", field.Name)
		}
	}
}

// fieldName finds the field of Config that an option points to.
func fieldName(t *testing.T, option *Option) string {
	t.Helper()
	var c Config
	want := reflect.ValueOf(option.field(&c)).Pointer()
	value := reflect.ValueOf(&c).Elem()
	for i := range value.NumField() {
		if value.Field(i).Addr().Pointer() == want {
			return value.Type().Field(i).Name
		}
	}
	require.Fail(t, "no such field", option.Name)
	return ""
}

func nonZeroFields(c Config) []string {
	var names []string
	value := reflect.ValueOf(c)
	for i := range value.NumField() {
		if !value.Field(i).IsZero() {
			names = append(names, value.Type().Field(i).Name)
		}
	}
	return names
}

func TestEverySourceReachesEveryOption(t *testing.T) {
	t.Parallel()
	for i := range options {
		option := &options[i]
		if option.Ignored != "" || option.NotInFile {
			continue
		}
		value := option.example()
		want := Config{}
		require.NoError(t, option.set(&want, value))
		sources := map[string]func() ([]setting, error){
			"file": func() ([]setting, error) { return yamlSettings("f", []byte(option.Name+": "+value)) },
			"json": func() ([]setting, error) { return jsonSettings("j", []byte(`{"`+option.JSONKey()+`":"`+value+`"}`)) },
			"environment": func() ([]setting, error) {
				return Sources{Env: map[string]string{option.Env: value}}.fromEnvironment(), nil
			},
		}
		if option.Where&Output != 0 {
			sources["argument"] = func() ([]setting, error) { return argumentSettings("a", option.Name+"="+value) }
		}
		for name, read := range sources {
			settings, err := read()
			require.NoError(t, err)
			require.Len(t, settings, 1, "%s from %s", option.Name, name)
			got := Config{}
			require.NoError(t, settings[0].option.set(&got, settings[0].value))
			assert.Equal(t, reflect.ValueOf(option.field(&want)).Elem().Interface(),
				reflect.ValueOf(option.field(&got)).Elem().Interface(), "%s from %s", option.Name, name)
		}
	}
}

func TestTableIsConsistent(t *testing.T) {
	t.Parallel()
	keys, variables := map[string]string{}, map[string]string{}
	for _, option := range Options() {
		for _, name := range option.names() {
			assert.Regexp(t, regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), name)
			assert.Empty(t, keys[name], "two options are called %s", name)
			keys[name] = option.Name
			assert.Equal(t, name, kebab(camel(name)))
		}
		for _, name := range option.envNames() {
			assert.Regexp(t, regexp.MustCompile(`^K6[A-Z0-9_]+$`), name)
			assert.Empty(t, variables[name], "two options read %s", name)
			variables[name] = option.Name
		}
		assert.NotZero(t, option.Where, option.Name)
		assert.NotEmpty(t, option.Help, option.Name)
		assert.False(t, strings.HasSuffix(option.Help, "."), option.Name)
		assert.NotContains(t, option.Help, "|", option.Name)
		assert.Equal(t, option.Ignored == "", option.field != nil, option.Name)
		if option.Secret {
			assert.Contains(t, []Kind{Text, Map, List}, option.Kind(), "an error would quote the secret %s", option.Name)
			assert.True(t, option.valid == nil && option.Choices == nil, "an error would quote the secret %s", option.Name)
		}
		if option.Max != "" {
			assert.NotEmpty(t, option.Min, "%s has an upper bound only", option.Name)
		}
		for _, bound := range []string{option.Min, option.Max} {
			unbounded := Option{Name: option.Name, field: option.field}
			if bound != "" {
				assert.NoError(t, unbounded.set(&Config{}, bound), "bound of %s", option.Name)
				assert.Contains(t, []Kind{Int, Duration, Size}, option.Kind(), option.Name)
			}
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for size, text := range map[Bytes]string{
		0: "0B", 1: "1B", 1023: "1023B", 1024: "1KiB", 1536: "1536B", 64 << 20: "64MiB", 3 << 30: "3GiB", 2 << 40: "2048GiB",
	} {
		assert.Equal(t, text, size.String())
		parsed, err := parseBytes(text)
		require.NoError(t, err)
		assert.Equal(t, size, parsed)
	}
}

func TestSplitCommas(t *testing.T) {
	t.Parallel()
	for text, items := range map[string][]string{
		"": {""}, "a": {"a"}, "a,b": {"a", "b"}, `a\,b,c`: {"a,b", "c"}, `a\b\\,c`: {`a\b\,c`}, ",": {"", ""}, `\`: {`\`},
	} {
		assert.Equal(t, items, splitCommas(text), "%q", text)
	}
}

func TestDocumentationIsUpToDate(t *testing.T) {
	t.Parallel()
	reference, err := os.ReadFile("../docs/options.md")
	require.NoError(t, err)
	assert.Equal(t, Markdown(), string(reference), "run go generate ./config")

	readme, err := os.ReadFile("../README.md")
	if os.IsNotExist(err) {
		return
	}
	require.NoError(t, err)
	updated, err := UpdateReadme(readme)
	require.NoError(t, err)
	assert.Equal(t, string(updated), string(readme), "run go generate ./config")
}

func TestUpdateReadme(t *testing.T) {
	t.Parallel()
	updated, err := UpdateReadme([]byte("before\n" + tableBegin + "\nold\n" + tableEnd + "\nafter\n"))
	require.NoError(t, err)
	assert.Equal(t, "before\n"+tableBegin+"\n"+ReadmeTable()+tableEnd+"\nafter\n", string(updated))
	again, err := UpdateReadme(updated)
	require.NoError(t, err)
	assert.Equal(t, string(updated), string(again))
	for _, broken := range []string{"", tableBegin + "\n", tableEnd + "\n"} {
		_, err := UpdateReadme([]byte(broken))
		assert.Error(t, err)
	}
}
