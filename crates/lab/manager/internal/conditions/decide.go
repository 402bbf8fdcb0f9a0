// Package conditions keeps what Rancher shows about each cluster: Connected and Ready.
//
// Start at decide.go, which is pure: conditions and an observation go in, conditions come out. check.go looks
// at the tunnels and writes. Nothing touches a condition before the first check: after a restore they are as
// they were in the copy, and say Connected of agents that are not there. A check that finds what they say already
// writes nothing, as in Rancher, so they never prove a reconnect; an answer through the tunnel does (package proxy).
package conditions

import "time"

// The words of Rancher.
const (
	typeConnected = "Connected"
	typeReady     = "Ready"

	reasonDisconnected  = "Disconnected"
	messageDisconnected = "Cluster agent is not connected"
)

// Observation is one look at one cluster's agent.
type Observation struct {
	Connected bool
	At        time.Time
}

// Decide returns the conditions after an observation and whether they have to be written. Conditions of other
// types, and fields that it does not know, stay as they are.
func Decide(conditions []any, seen Observation) ([]any, bool) {
	next := append([]any(nil), conditions...)
	connected := entry{kind: typeConnected, status: status(seen.Connected)}
	ready := entry{kind: typeReady, status: status(seen.Connected)}
	if !seen.Connected {
		ready.reason, ready.message = reasonDisconnected, messageDisconnected
	}
	next, first := put(next, connected, seen.At)
	next, second := put(next, ready, seen.At)
	return next, first || second
}

type entry struct{ kind, status, reason, message string }

func put(conditions []any, want entry, at time.Time) ([]any, bool) {
	changed := map[string]any{"type": want.kind}
	place := len(conditions)
	for i, old := range conditions {
		if condition, ok := old.(map[string]any); ok && condition["type"] == want.kind {
			if same(condition, want) {
				return conditions, false
			}
			for field, value := range condition {
				changed[field] = value
			}
			place = i
			break
		}
	}
	changed["status"] = want.status
	setOrDelete(changed, "reason", want.reason)
	setOrDelete(changed, "message", want.message)
	changed["lastUpdateTime"] = at.UTC().Format(time.RFC3339)
	if place == len(conditions) {
		return append(conditions, changed), true
	}
	conditions[place] = changed
	return conditions, true
}

func same(condition map[string]any, want entry) bool {
	return condition["status"] == want.status && text(condition, "reason") == want.reason
}

func text(condition map[string]any, field string) string {
	value, _ := condition[field].(string)
	return value
}

func setOrDelete(condition map[string]any, field, value string) {
	if value == "" {
		delete(condition, field)
		return
	}
	condition[field] = value
}

func status(connected bool) string {
	if connected {
		return "True"
	}
	return "False"
}
