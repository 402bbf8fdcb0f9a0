// Package tunnel is what both ends of an agent's tunnel agree on: paths, headers and parameters, as Rancher's.
//
// Start at Params. The tunnel itself is remotedialer: internal/agent dials, internal/sessions accepts.
package tunnel

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Paths and headers, as Rancher's.
const (
	ConnectPath  = "/v3/connect"
	RegisterPath = "/v3/connect/register"

	TokenHeader  = "X-API-Tunnel-Token"
	ParamsHeader = "X-API-Tunnel-Params"
)

// PingAddress is where an agent answers /ping, for the manager's check. Loopback: only a tunnel gets there.
const PingAddress = "127.0.0.1:6080"

// Params is what an agent tells about its cluster.
type Params struct {
	Cluster *Cluster `json:"cluster"`
}

// Cluster says how to speak to the agent's API server.
type Cluster struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	CACert  string `json:"caCert"` // base64 of PEM
}

// Headers are those of an agent's dial.
func Headers(token string, params Params) (http.Header, error) {
	encoded, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	headers.Set(TokenHeader, token)
	headers.Set(ParamsHeader, base64.StdEncoding.EncodeToString(encoded))
	return headers, nil
}

// ReadParams reads and checks an agent's header; errors never repeat its content, which holds a token.
func ReadParams(headers http.Header) (*Cluster, error) {
	encoded, err := base64.StdEncoding.DecodeString(headers.Get(ParamsHeader))
	if err != nil {
		return nil, fmt.Errorf("%s is not base64", ParamsHeader)
	}
	var params Params
	if err := json.Unmarshal(encoded, &params); err != nil {
		return nil, fmt.Errorf("%s is not JSON", ParamsHeader)
	}
	switch c := params.Cluster; {
	case c == nil:
		return nil, errors.New("missing cluster registration info")
	case c.Address == "":
		return nil, errors.New("invalid input, address empty")
	case c.Token == "":
		return nil, errors.New("invalid input, token empty")
	case c.CACert == "":
		return nil, errors.New("invalid input, caCert empty")
	}
	return params.Cluster, nil
}
