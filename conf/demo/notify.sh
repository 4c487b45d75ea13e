#!/bin/sh
# Told of every change of state: $1 INSTANCE or GROUP, $2 its name, $3 the state, $4 the priority.
echo "$2 $3 $4" >>"${0%/*}/notified"
