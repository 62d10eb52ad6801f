#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# A cluster with an authority, made by `osier keys` as the manual says: nodes find each other, nothing is made of a
# secret, and whoever has not the right files is told which and why.
# shellcheck source=tests/integration/shell_world.sh
. "$(dirname "$0")/shell_world.sh"

keys=$world/keys
mkdir "$keys"
printf 'correct horse battery\n' >"$keys/passphrase"
chmod 600 "$keys/passphrase"
sealed="--authority $keys/authority.key --passphrase-file $keys/passphrase"

run osier keys authority --cluster prod --dir "$keys" --passphrase-file "$keys/passphrase"
ok "an authority is made" ends_with 0
for name in mapper a b d lost; do
    mkdir "$keys/$name"
    run osier keys new --name "$name@localhost" --dir "$keys/$name"
    ok "a key for $name" ends_with 0
    roles=join,spawn,host,supervise,shell-read,shell-write
    [ "$name" != mapper ] || roles=join,mapper
    # shellcheck disable=SC2086 # words
    run osier keys issue $sealed --request "$keys/$name/node.req" --out "$keys/$name/node.cert" --roles "$roles"
    ok "a certificate for $name" says "may $roles"
done

files() { echo "--authority $keys/authority.pub --key $keys/$1/node.key --certificate $keys/$1/node.cert"; }

# shellcheck disable=SC2046 # words
osier-epmd $(files mapper) >"$world/mapper.log" 2>&1 &
pids="$pids $!"
ok "a mapper with a certificate is ready" until_true 20 grep -q READY "$world/mapper.log"

# shellcheck disable=SC2086 # words
run osier keys revoke $sealed --revoked "$keys/revoked.crl" "$keys/lost/node.cert"
ok "a certificate is revoked" says 'version 1, 1 revoked'
# shellcheck disable=SC2046 # words
start a counter $(files a) --revoked "$keys/revoked.crl"
# shellcheck disable=SC2046 # words
start b counter $(files b) --join a@localhost --log info
ok "one node finds the other by its name" until_true 20 grep -q 'a@localhost is up' "$world/b.log"
ok "no secret is made" test ! -e "$OSIER_HOME/cluster.secret"


# Without a mapper a contact's key comes from its certificate, and that of others from what members say.
port=$(sed -n 's/^READY a@localhost tcp:.*:\([0-9]*\)$/\1/p' "$world/a.ready")
# shellcheck disable=SC2046 # words
run counter --name d $(files d) --no-mapper --join "a@localhost:$port"
ok "a static contact is not enough" complains 'its key is not known; add --contact-certificate'
# shellcheck disable=SC2046 # words
run counter --name d $(files d) --no-mapper --join a@localhost
ok "nor a contact without its port" complains 'by a port mapper, and there is none; type its port, too'
# shellcheck disable=SC2046 # words
start d counter $(files d) --no-mapper --join "a@localhost:$port" --contact-certificate "$keys/a/node.cert" --log info
ok "with its certificate it is reached" until_true 20 grep -q 'a@localhost is up' "$world/d.log"
run counter --name d --no-mapper --join "a@localhost:$port" --contact-certificate "$keys/a/node.cert"
ok "which is of no use with a secret" complains "a contact's certificate without an authority"
rm -f "$OSIER_HOME/cluster.secret"

# shellcheck disable=SC2046 # words
run counter --name c $(files b)
ok "a certificate is for one name" complains 'names "b@localhost" but the node is "c@localhost"'
run counter --name b --authority "$keys/authority.pub"
ok "an authority alone is not enough" complains 'add --key FILE'
run counter --name b --key "$keys/b/node.key"
ok "a key alone is not enough" complains 'add --authority FILE'
# shellcheck disable=SC2086 # words
run osier keys revoke $sealed --revoked "$keys/revoked.crl" "$keys/b/node.cert"
ok "another one is revoked" says 'version 2, 2 revoked'
ok "who is connected with it is closed" until_true 30 grep -q 'b@localhost: its certificate (serial [0-9]*) is revoked; closing' "$world/a.log"
ok "and told why" until_true 20 grep -q 'a@localhost.*revoked' "$world/b.log"
ok "and refused from then on" until_true 20 grep -q "certificate of \"b@localhost\".*revoked" "$world/a.log"
ok "others stay" test "$(grep -c 'd@localhost.*revoked' "$world/a.log")" = 0
printf 'not a list\n' >"$keys/revoked.new" && mv "$keys/revoked.new" "$keys/revoked.crl"
ok "a file that is no list is named" until_true 30 grep -q 'revoked.crl: .*the list that was read before stays' "$world/a.log"
rm "$keys/revoked.crl"
# shellcheck disable=SC2086 # words
run osier keys revoke $sealed --revoked "$keys/revoked.crl" "$keys/b/node.cert"
ok "a list is begun anew" says 'version 1, 1 revoked'
ok "an older list is ignored" until_true 30 grep -q 'version 1, is older than 2 already seen; ignored' "$world/a.log"
# shellcheck disable=SC2046 # words
run counter --name b $(files b) --revoked "$keys/revoked.crl"
ok "and then no node starts with it" complains 'is revoked'

# A person asks with a certificate of their own, and may what it says.
for person in reader writer; do
    mkdir "$keys/$person"
    run osier keys new --name "$person@localhost" --dir "$keys/$person"
    roles=join,hidden,shell-read
    [ "$person" = reader ] || roles=$roles,shell-write
    # shellcheck disable=SC2086 # words
    run osier keys issue $sealed --request "$keys/$person/node.req" --out "$keys/$person/node.cert" --roles "$roles"
    ok "a certificate for a person" says "may $(echo "$roles" | cut -d, -f1)"
done
# shellcheck disable=SC2046 # words
run osier exec $(files reader) a@localhost ps
ok "with role shell-read one reads" says counter
# shellcheck disable=SC2046 # words
run osier exec $(files reader) a@localhost drain on
ok "and changes nothing" complains "no role shell-write"
# shellcheck disable=SC2046 # words
run osier exec $(files writer) a@localhost drain on
ok "with role shell-write one does" ends_with 0
# shellcheck disable=SC2046 # words
run osier exec $(files reader) --join "a@localhost:$port" --contact-certificate "$keys/a/node.cert" a@localhost ps
ok "also without a mapper" says counter
# shellcheck disable=SC2046 # words
run osier exec $(files d) a@localhost ps
ok "a node's certificate without role hidden is none for a person" complains 'hidden'
run osier exec --authority "$keys/authority.pub" a@localhost ps
ok "an authority alone is not enough for them either" complains 'add --key FILE'

# A certificate is renewed while its node runs, which is let in again with it.
# shellcheck disable=SC2086 # words
run osier keys renew $sealed --out "$keys/b/node.cert" "$keys/b/node.cert"
ok "a certificate is renewed" ends_with 0
ok "its node sees that" until_true 30 grep -q 'our certificate was renewed: serial' "$world/b.log"
comes_back() { [ "$(grep -c 'a@localhost is up' "$world/b.log")" -ge 2 ]; }
ok "and is let in again" until_true 40 comes_back
# shellcheck disable=SC2046 # words
run osier keys check --name a@localhost $(files a)
ok "check says good of good files" says '^good: '

finish
