// Package logs sets up what both programs print: slog text on stderr, with remotedialer's logs led into it.
//
// Start at New. One format, because tests and people look for `msg=`. client-go's logs are led the same way by
// cmd/lab-manager, which alone has that library.
package logs

import (
	"io"
	"log/slog"

	"github.com/sirupsen/logrus"
)

// New returns the program's logger and takes over remotedialer's.
func New(out io.Writer) *slog.Logger {
	log := slog.New(slog.NewTextHandler(out, nil))
	logrus.SetOutput(io.Discard)
	logrus.AddHook(&forward{log.With("from", "remotedialer")})
	return log
}

// forward passes on what remotedialer finds wrong; its Info lines say only what ours say better.
type forward struct{ log *slog.Logger }

func (f *forward) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel}
}

func (f *forward) Fire(entry *logrus.Entry) error {
	attributes := []any{}
	if err, ok := entry.Data[logrus.ErrorKey]; ok {
		attributes = append(attributes, "reason", err)
	}
	f.log.Warn(entry.Message, attributes...)
	return nil
}
