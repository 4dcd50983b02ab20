package main

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// The sample service has no cookies to steal: every origin may connect.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// messageTime is how long the work on one WebSocket message takes.
const messageTime = time.Millisecond

// webSocket answers pings with pongs (gorilla does) and echoes every message until the client
// hangs up or the server stops.
func (s *server) webSocket(w http.ResponseWriter, r *http.Request) error {
	if !websocket.IsWebSocketUpgrade(r) {
		return newFault(http.StatusUpgradeRequired, "this is a WebSocket")
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		// The upgrader has answered already: there is no status left to choose.
		return nil
	}
	defer conn.Close()
	defer context.AfterFunc(s.open, func() { _ = conn.Close() })()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return nil
		}
		if wait(s.open, s.pace.duration("ws", messageTime, 0)) != nil {
			return nil
		}
		if conn.WriteMessage(kind, message) != nil {
			return nil
		}
	}
}
