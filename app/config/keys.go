package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Key is one configuration key, as the reference tells it.
type Key struct {
	Name    string `json:"key"`
	Env     string `json:"env"`
	Flag    string `json:"flag"`
	Type    string `json:"type"`
	Default string `json:"default,omitempty"`
	Doc     string `json:"doc"`
	Value   string `json:"value"`
	From    string `json:"from"` // "default", "file NAME", "environment NAME", "flag NAME"
}

// Keys lists every key with its default as its value.
func Keys() []Key {
	t := reflect.TypeFor[Config]()
	keys := make([]Key, 0, t.NumField())
	for f := range t.Fields() {
		name := f.Tag.Get("key")
		k := Key{
			Name: name, Env: "CRANK_" + strings.ToUpper(name), Flag: "--" + strings.ReplaceAll(name, "_", "-"),
			Type: typeName(f.Type), Default: f.Tag.Get("default"), Doc: f.Tag.Get("doc"), From: "default",
		}
		k.Value = k.Default
		keys = append(keys, k)
	}
	return keys
}

func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return "integer"
	}
	return t.Kind().String()
}

// set puts a value, as text, into the field of a key.
func set(c *Config, name, value string) error {
	v := reflect.ValueOf(c).Elem()
	for f, field := range v.Fields() {
		if f.Tag.Get("key") != name {
			continue
		}
		switch {
		case f.Type == reflect.TypeFor[time.Duration]():
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return fmt.Errorf("%q is no duration such as 10s", value)
			}
			field.SetInt(int64(d))
		case f.Type.Kind() == reflect.Slice:
			var list []string
			for part := range strings.SplitSeq(value, ",") {
				if part = strings.TrimSpace(part); part != "" {
					list = append(list, part)
				}
			}
			field.Set(reflect.ValueOf(list))
		case f.Type.Kind() == reflect.Bool:
			b, err := strconv.ParseBool(value)
			if err != nil {
				return fmt.Errorf("%q is neither true nor false", value)
			}
			field.SetBool(b)
		case f.Type.Kind() == reflect.String:
			field.SetString(value)
		default:
			n, err := strconv.ParseInt(value, 10, f.Type.Bits())
			if err != nil || n < 0 {
				return fmt.Errorf("%q is no number of 0 or more", value)
			}
			field.SetInt(n)
		}
		return nil
	}
	return fmt.Errorf("is no key")
}
