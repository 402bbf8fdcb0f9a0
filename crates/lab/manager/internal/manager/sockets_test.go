// The bench's sockets and its log.

package manager_test

import (
	"bytes"
	"log/slog"
	"net"
	"sync"
	"testing"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// logBuffer collects all programs' lines.
type logBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.Buffer.Write(p)
}

func (l *logBuffer) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.Buffer.String()
}

// logger keeps debug lines too, so that the look for secrets covers them.
func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// trackedListener closes what it accepted, hijacked or not.
type trackedListener struct {
	net.Listener
	mutex sync.Mutex
	conns []net.Conn
}

func (l *trackedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *trackedListener) closeAll() {
	_ = l.Close()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}
