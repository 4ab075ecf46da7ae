#!/bin/sh
# A Python whose pip serves the wheels that are next to it: REQUIREMENT.whl, or REQUIREMENT.sh to do something else.
# Tests call it through a symbolic link, so that the folder of `$0` belongs to the test.
here=$(dirname "$0")
while [ $# -gt 1 ]; do
    [ "$1" = --dest ] && dest=$2
    shift
done
echo "$1" >>"$here/requested"
if [ -f "$here/$1.sh" ]; then
    . "$here/$1.sh"
fi
if [ ! -f "$here/$1.whl" ]; then
    echo "ERROR: No matching distribution found for $1" >&2
    exit 1
fi
cp "$here/$1.whl" "$dest/fake-1.0-py3-none-any.whl"
