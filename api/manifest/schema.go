package manifest

import (
	"bytes"
	"encoding/json"
	"path"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank/kit/schema"
)

// maxDepth is how deep a schema may nest.
const maxDepth = 64

// blob is the schema of a crank.BlobRef.
const blob = `{"type":"object","required":["$blob"],"properties":{` +
	`"$blob":{"type":"string","pattern":"^sha256:[0-9a-f]{64}$"},"size":{"type":"integer","minimum":0},` +
	`"media_type":{"type":"string"},"name":{"type":"string"}}}`

// fileSchema is an object that holds one file, or any object.
func fileSchema(property string) json.RawMessage {
	if property == "" {
		return json.RawMessage(`{"type":"object"}`)
	}
	name, _ := json.Marshal(property)
	return json.RawMessage(`{"type":"object","required":[` + string(name) + `],"properties":{` + string(name) + `:` + blob + `}}`)
}

// schema reads a JSON Schema: written inline, or a file's name.
func (r *reader) schema(v Value) json.RawMessage {
	var value any
	if v.IsText() {
		name := path.Clean(v.node.Value)
		if r.files == nil {
			v.Fault("there are no files beside this manifest")
			return nil
		}
		text, err := readFile(r.files, name)
		if err != nil {
			v.Fault("the schema file %q cannot be read (it must stand below the worker's folder)", name)
			return nil
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&value); err != nil {
			v.Fault("the schema file %q is no JSON: %v", name, err)
			return nil
		}
	} else {
		value = v.plain(0)
	}
	text, err := json.Marshal(value)
	if err != nil {
		v.Fault("this is no JSON Schema: %v", err)
		return nil
	}
	if root, ok := value.(map[string]any); ok && bytes.Contains(text, []byte(`"#/$defs/blob"`)) {
		defs, _ := root["$defs"].(map[string]any)
		if defs == nil {
			defs = map[string]any{}
			root["$defs"] = defs
		}
		if defs["blob"] == nil {
			defs["blob"] = json.RawMessage(blob)
		}
		text, _ = json.Marshal(root) // it was marshalled a moment ago
	}
	if _, err := schema.Compile(text); err != nil {
		v.Fault("this is no JSON Schema: %v", err)
	}
	return text
}

// plain is the value as encoding/json has it.
func (v Value) plain(depth int) any {
	if depth > maxDepth {
		v.Fault("nested deeper than %d", maxDepth)
		return nil
	}
	switch v.node.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		v.Entries(func(key string, e Value) { m[key] = e.plain(depth + 1) })
		return m
	case yaml.SequenceNode:
		list := []any{}
		v.Each(func(e Value) { list = append(list, e.plain(depth+1)) })
		return list
	}
	if !v.is(yaml.ScalarNode, "a value") {
		return nil
	}
	var s any
	if err := v.node.Decode(&s); err != nil {
		v.Fault("%q cannot be read", v.node.Value)
	}
	if _, ok := s.(time.Time); ok {
		return v.node.Value
	}
	return s
}
