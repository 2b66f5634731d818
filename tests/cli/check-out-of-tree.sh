#!/bin/bash
# A plugin outside the tree needs nothing but pkg-config, and runs with --plugin-path: what plugins/template/README.md promises.
. "$(dirname "$0")/lib.sh"

# Install somewhere else than configured, and say so in the pkg-config file, as a packager's tools would.
make=${MAKE:-make}
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$make" -s -C "$PR_BUILD_DIR" install DESTDIR="$tmp/root" > "$tmp/log" 2>&1 || {
  cat "$tmp/log"
  fail "make install DESTDIR="
  finish
}
pc=$(find "$tmp/root" -name pauserec.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
sed "s|^prefix=.*|prefix=$tmp/root$prefix|" "$pc" > "$pc.new" && mv "$pc.new" "$pc"
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir pauserec)
LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
program=$(find "$tmp/root" -name pauserec -type f -perm -u+x)
stages=$(pkg-config --variable=plugindir pauserec)
case $stages in "$tmp"*) ;; *) stages=$tmp/root$stages ;; esac

# The tutorial's two commands.
mkdir "$tmp/mine"
cd "$tmp/mine" || exit 1
sed 's/"template"/"mine"/; s/"item-transitions"/"my-stage"/' "$PR_SOURCE_DIR/plugins/template/template.c" > mine.c
expect 0 ${CC:-cc} -shared -fPIC -fvisibility=hidden -O2 -Wall -Werror -o mine.so mine.c $(pkg-config --cflags --libs pauserec)

# Every installed header compiles alone, with nothing but what pkg-config says.
for header in "$tmp/root$prefix"/include/pauserec/*.h; do
  echo "#include <pauserec/$(basename "$header")>" > alone.c
  expect 0 ${CC:-cc} -std=gnu11 -Wall -Werror -fsyntax-only alone.c $(pkg-config --cflags pauserec)
done

expect 0 "$program" inspect my-stage --plugin-path . --plugin-path "$stages"
out_has "my-stage - Rank what others bought"; out_has "window = 1"; err_empty
cat > try.manifest <<'END'
[stage data]
uses = synthetic-world
n_users = 60
n_items = 200
[arm mine]
pipeline = data; my-stage; rank-metrics
my-stage.k = 10
END
expect 0 "$program" check try.manifest --plugin-path . --plugin-path "$stages"; out_has "1 run of 1 arm, sound"
expect 0 "$program" run try.manifest --plugin-path . --plugin-path "$stages" --store "$tmp/store" --out "$tmp/results"
out_has "results.h5"
expect 0 "$program" plan try.manifest --plugin-path . --plugin-path "$stages" --store "$tmp/store"
out_has "stages: 0 to do, 3 cached"
finish
