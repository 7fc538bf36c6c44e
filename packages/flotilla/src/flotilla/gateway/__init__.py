"""What a gateway decides, without a socket: members and its file → servers → HAProxy's configuration → the cheapest
safe change of what HAProxy runs."""
