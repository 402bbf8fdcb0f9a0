// Prints what Kubernetes' own types say about themselves: which kinds there are, and of each message the numbers that its fields
// have in protocol buffers and how they are written as JSON. The format is explained in ../src/schema.rs, the outcome is
// ../src/schema/kubernetes.txt. Facts only: nothing of Kubernetes' code or comments gets into it.
//
// Start at main. Run by `cargo xtask schema`.
package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Types whose JSON is no list of their fields: the reader knows each by name.
var special = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                             "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                        "microtime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                         "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                         "raw",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                          "raw",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                         "raw",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                         "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                       "intorstring",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":       "schemaorarray",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":        "schemaorbool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "schemaorstrings",
}

// Names of messages as they are printed, by type.
type book struct {
	names map[reflect.Type]string
	queue []reflect.Type
}

func main() {
	known := scheme.Scheme
	for _, add := range []func(*runtime.Scheme) error{apiextensions.AddToScheme, apiregistration.AddToScheme} {
		if err := add(known); err != nil {
			fail("%v", err)
		}
	}
	book := &book{names: map[reflect.Type]string{}}
	kinds := []string{}
	meta := reflect.TypeFor[metav1.ObjectMeta]()
	for kind, it := range known.AllKnownTypes() {
		field, has := it.FieldByName("ObjectMeta")
		if kind.Version == runtime.APIVersionInternal || !has || field.Type != meta {
			continue
		}
		kinds = append(kinds, fmt.Sprintf("kind %s %s %s", kind.GroupVersion(), kind.Kind, book.name(it)))
	}
	slices.Sort(kinds)
	for _, line := range kinds {
		fmt.Println(line)
	}
	messages := []string{}
	for len(book.queue) > 0 {
		it := book.queue[0]
		book.queue = book.queue[1:]
		messages = append(messages, book.message(it))
	}
	slices.Sort(messages)
	for _, text := range messages {
		fmt.Print(text)
	}
}

func (b *book) name(it reflect.Type) string {
	name, known := b.names[it]
	if !known {
		path := it.PkgPath()
		for _, before := range []string{"k8s.io/api/", "k8s.io/apimachinery/pkg/apis/", "k8s.io/apimachinery/pkg/"} {
			path = strings.TrimPrefix(path, before)
		}
		if _, rest, cut := strings.Cut(path, "/pkg/apis/"); cut {
			path = rest
		}
		name = path + "." + it.Name()
		b.names[it] = name
		b.queue = append(b.queue, it)
	}
	return name
}

func (b *book) message(it reflect.Type) string {
	text := "message " + b.name(it) + "\n"
	// A slice with a name of its own is a message with its items in field 1.
	if it.Kind() == reflect.Slice {
		return text + "1 items " + b.shape(it.Elem()) + " list itself\n"
	}
	fields := map[int]string{}
	numbers := []int{}
	for i := range it.NumField() {
		field := it.Field(i)
		tag, has := field.Tag.Lookup("protobuf")
		if !has || tag == "-" {
			continue
		}
		parts := strings.Split(tag, ",")
		if len(parts) < 2 {
			fail("%s.%s has the tag %q", it, field.Name, tag)
		}
		var number int
		if _, err := fmt.Sscan(parts[1], &number); err != nil {
			fail("%s.%s has the tag %q", it, field.Name, tag)
		}
		numbers = append(numbers, number)
		fields[number] = b.field(number, field)
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		text += fields[number] + "\n"
	}
	return text
}

func (b *book) field(number int, field reflect.StructField) string {
	words := strings.Split(field.Tag.Get("json"), ",")
	name, options := words[0], words[1:]
	flags := ""
	kind := field.Type
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
		flags += " pointer"
	}
	switch {
	case kind.Kind() == reflect.Slice && kind.Elem().Kind() != reflect.Uint8 && !marshals(kind):
		flags += " list"
		kind = kind.Elem()
	case kind.Kind() == reflect.Map:
		flags += " map"
		kind = kind.Elem()
	}
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case name == "":
		name = "-"
		flags += " inline"
	case slices.Contains(options, "omitzero"):
		flags += " omitzero"
	case !slices.Contains(options, "omitempty"):
		flags += " always"
	}
	return fmt.Sprintf("%d %s %s%s", number, name, b.shape(kind), flags)
}

// Whether a slice is a message of its own: the type has a method for that.
func marshals(it reflect.Type) bool {
	_, has := reflect.PointerTo(it).MethodByName("Unmarshal")
	return has
}

func (b *book) shape(it reflect.Type) string {
	if name, is := special[it.PkgPath()+"."+it.Name()]; is {
		if strings.HasPrefix(name, "schema") {
			b.name(reflect.TypeFor[apiextensions.JSONSchemaProps]())
		}
		return name
	}
	switch it.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "uint"
	case reflect.Float64:
		return "double"
	case reflect.Float32:
		return "float"
	case reflect.Struct:
		return b.name(it)
	case reflect.Slice:
		if it.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		if marshals(it) {
			return b.name(it)
		}
	}
	fail("%s has no shape", it)
	return ""
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
