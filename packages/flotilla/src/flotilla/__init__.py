"""Containers of any HTTP service on many hosts, behind HAProxy, which learns from Serf which hosts are there."""
