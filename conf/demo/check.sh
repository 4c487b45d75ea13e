#!/bin/sh
# Is the service of this host well? It is until somebody makes the file `broken` beside this script.
[ ! -e "${0%/*}/broken" ]
