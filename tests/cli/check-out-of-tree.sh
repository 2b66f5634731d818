#!/bin/bash
# A plugin outside the tree needs nothing but pkg-config, and runs with --plugin-path: what plugins/template/README.md promises.
. "$(dirname "$0")/lib.sh"

# Headers, library and pkg-config file, installed somewhere else than configured; the pkg-config file says so, as a packager's
# tools would make it.  Program and plugins stay where they are: to install them libtool moves files of the build
# tree about, under the feet of tests that run at the same time.  `make installcheck` looks at those.
make=${MAKE:-make}
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$make" -s -C "$PR_BUILD_DIR" install-data install-libLTLIBRARIES DESTDIR="$tmp/root" \
  > "$tmp/log" 2>&1 || {
  cat "$tmp/log"
  fail "make install DESTDIR="
  finish
}
pc=$(find "$tmp/root" -name pauserec.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
sed "s|^prefix=.*|prefix=$tmp/root$prefix|" "$pc" > "$pc.new" && mv "$pc.new" "$pc"
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH

# The tutorial's two commands.
mkdir "$tmp/mine"
cd "$tmp/mine" || exit 1
sed 's/"template"/"mine"/; s/"item-transitions"/"my-stage"/' "$PR_SOURCE_DIR/plugins/template/template.c" > mine.c
expect 0 ${CC:-cc} -shared -fPIC -fvisibility=hidden -O2 -Wall -Werror -o mine.so mine.c $(pkg-config --cflags --libs pauserec)

# The plugin that README.md shows in full, with the commands it shows.
awk '/^```c$/ { code = 1; next } /^```$/ { code = 0 } code' "$PR_SOURCE_DIR/README.md" > again.c
test -s again.c || fail "README.md shows no plugin"
expect 0 ${CC:-cc} -shared -fPIC -fvisibility=hidden -O2 -Wall -Werror -o again.so again.c $(pkg-config --cflags --libs pauserec)
printf '[stage data]\nuses = synthetic-world\n[arm again]\npipeline = data; again; rank-metrics\n' > again.manifest
expect 0 "$program" run again.manifest --plugin-path . --set data.n_users=60 --store "$tmp/again" --out "$tmp/again-results"
out_has "hit_10"

# Every installed header compiles alone, with nothing but what pkg-config says.
for header in "$tmp/root$prefix"/include/pauserec/*.h; do
  echo "#include <pauserec/$(basename "$header")>" > alone.c
  expect 0 ${CC:-cc} -std=gnu11 -Wall -Werror -fsyntax-only alone.c $(pkg-config --cflags pauserec)
done

expect 0 "$program" inspect my-stage --plugin-path .
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
expect 0 "$program" check try.manifest --plugin-path .; out_has "1 run of 1 arm, sound"
expect 0 "$program" run try.manifest --plugin-path . --store "$tmp/store" --out "$tmp/results"
out_has "results.h5"
expect 0 "$program" plan try.manifest --plugin-path . --store "$tmp/store"
out_has "stages: 0 to do, 3 cached"
finish
