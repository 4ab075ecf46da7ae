# Sourced by the pipelines beside it, which set `out`.

# step NAME COMMAND…: runs the command unless it was done, and notes how long it took.
step() {
    local name=$1 start=$SECONDS; shift
    if [ -e "$out/$name.done" ]; then return; fi
    echo "== $name"
    "$@"
    echo "$((SECONDS - start)) s" | tee "$out/$name.done"
}
