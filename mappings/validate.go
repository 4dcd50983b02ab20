package mappings

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Validate tells whether a document of the family is as the templates say: a JSON object with known
// fields only, each once, with values of the field's type, nested objects rather than dotted names.
// It is strict, stricter than a server, and meant for tests. The error names the first wrong field.
func Validate(family string, document []byte) error {
	for _, f := range families {
		if f.Name == family {
			return f.validate(document)
		}
	}
	return fmt.Errorf("there is no family %q", family)
}

func (f Family) validate(document []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.Join(errors.New("the document is not a JSON object"), err)
	}
	if err := f.validateObject(decoder, ""); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// validateObject reads the rest of an object whose brace was read. It goes by tokens, as a decoded
// map would hide a name that is there twice.
func (f Family) validateObject(decoder *json.Decoder, path string) error {
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		below := join(path, name)
		switch {
		case seen[name]:
			return fmt.Errorf("%s is there twice", below)
		case name == "" || strings.Contains(name, "."):
			return fmt.Errorf("%s: the name %q is empty or has a dot in it", below, name)
		}
		seen[name] = true
		if err := f.validateMember(decoder, below); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

func (f Family) validateMember(decoder *json.Decoder, path string) error {
	field, known := f.lookup(path)
	if !known && !f.hasBelow(path) {
		return fmt.Errorf("%s is not a field", path)
	}
	token, err := decoder.Token()
	switch {
	case err != nil:
		return err
	case !known && token == json.Delim('{'):
		return f.validateObject(decoder, path)
	case !known:
		return fmt.Errorf("%s is not an object", path)
	case token == json.Delim('['):
		return field.validateArray(decoder, path)
	default:
		return field.validateValue(token, path)
	}
}

// hasBelow tells whether the path is an object that has fields.
func (f Family) hasBelow(path string) bool {
	for _, field := range f.Fields {
		if strings.HasPrefix(field.Name, path+".") {
			return true
		}
	}
	return false
}

func (f Field) validateArray(decoder *json.Decoder, path string) error {
	if !f.Array {
		return fmt.Errorf("%s may hold one value only", path)
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		if err := f.validateValue(token, path); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

func (f Field) validateValue(token json.Token, path string) error {
	if !f.fits(token) {
		return fmt.Errorf("%s: %v does not fit %s", path, token, f.Type)
	}
	return nil
}

func (f Field) fits(token json.Token) bool {
	text, isText := token.(string)
	number, isNumber := token.(json.Number)
	switch f.Type {
	case Keyword:
		return isText
	case Date:
		_, err := time.Parse(time.RFC3339Nano, text)
		return isText && err == nil
	case IP:
		_, err := netip.ParseAddr(text)
		return isText && err == nil
	case Integer:
		_, err := strconv.ParseInt(number.String(), 10, 32)
		return isNumber && err == nil
	case Boolean:
		_, isBool := token.(bool)
		return isBool
	case Binary:
		_, err := base64.StdEncoding.DecodeString(text)
		return isText && err == nil
	case Long:
		_, err := number.Int64()
		return isNumber && err == nil
	default:
		_, err := number.Float64()
		return isNumber && err == nil
	}
}
