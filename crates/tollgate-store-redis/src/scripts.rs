//! The scripts. Each is one atomic step on the keys of one slot.
//!
//! Times and counts are decimal numbers of 20 digits: Lua's own numbers are exact up to 2^53 only, and such texts compare as
//! the numbers do. Everything is read, and checked for its kind, before the first write, and by the first line a script that
//! writes does not start on a server whose memory is full: so each happens as a whole or not at all.

use std::sync::LazyLock;

use crate::operation::Script;

const WRITES: &str = "#!lua\n";
const READS: &str = "#!lua flags=no-writes\n";

/// Whatever is not such a number, somebody else has written.
const CHECKED: &str = "
local function checked(text)
  if not text or #text ~= 20 or string.find(text, '%D') then
    error({err = 'CORRUPT a number is malformed'})
  end
  return text
end
";

/// A key's life is only ever made longer.
const LIVES: &str = "
local function lives(key, milliseconds)
  if redis.call('PTTL', key) < tonumber(milliseconds) then
    redis.call('PEXPIRE', key, milliseconds)
  end
end
";

/// Keeps a new session. The tag tells a repetition of the same call: it has been done, and is written to again only so that
/// replicas can be waited for.
pub(crate) static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        CHECKED,
        "
local key = KEYS[1]
local now, expires, revision, subject, data, cover, tag, life = unpack(ARGV)
local old = redis.call('HMGET', key, 'expires', 'tag')
if old[2] == tag then
  redis.call('PEXPIRE', key, life)
  return 1
end
if redis.call('EXISTS', key) == 1 and checked(old[1]) > now then
  return 0
end
redis.call('DEL', key)
redis.call('HSET', key, 'expires', expires, 'revision', revision, 'subject', subject, 'data', data,
  'cover', cover, 'tag', tag)
redis.call('PEXPIRE', key, life)
return 1
",
    ])
});

/// Replaces a session: 1. 0 if it has another revision or is gone, 2 if the index of its subject must be told of the longer
/// life first.
pub(crate) static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        CHECKED,
        "
local key = KEYS[1]
local now, expires, expected, revision, data, cover, tag, life = unpack(ARGV)
local old = redis.call('HMGET', key, 'revision', 'expires', 'cover', 'tag')
if old[4] == tag then
  redis.call('PEXPIRE', key, life)
  return 1
end
if redis.call('EXISTS', key) == 0 then
  return 0
end
if checked(old[1]) ~= expected or checked(old[2]) <= now then
  return 0
end
if checked(old[3]) > cover then
  cover = old[3]
end
if expires > cover then
  return 2
end
redis.call('HSET', key, 'expires', expires, 'revision', revision, 'data', data, 'cover', cover, 'tag', tag)
redis.call('PEXPIRE', key, life)
return 1
",
    ])
});

/// Enters a session in the index of its subject, until `cover` at least. Entries that ended long ago go when there are many.
pub(crate) static ENTER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        CHECKED,
        LIVES,
        "
local key = KEYS[1]
local now, id, cover, life, dead = unpack(ARGV)
local old = redis.call('HGET', key, id)
if old then
  local until_now = checked(string.sub(old, 1, 20))
  if until_now > cover then cover = until_now end
end
if redis.call('HLEN', key) >= 64 then
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if checked(string.sub(all[i + 1], 1, 20)) <= dead then
      redis.call('HDEL', key, all[i])
    end
  end
end
redis.call('HSET', key, id, cover .. now)
lives(key, life)
return 1
",
    ])
});

/// Takes entries out of an index, unless they have changed.
pub(crate) static LEAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        "#!lua flags=allow-oom\n",
        "
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return 1
",
    ])
});

/// Which history of writes the server is in. It is another one after a failover or a restart, when some of the last writes
/// may be missing, so that the sequence counts the same numbers again: then a new epoch must begin. A server that does not
/// tell is taken to be in the same one always.
const HISTORY: &str = "
local function history()
  local told = redis.pcall('INFO', 'replication')
  return type(told) == 'string' and string.match(told, 'master_replid:(%x+)') or '-'
end
";

/// Where the sequence stands; nil if it has not begun in this history.
const POSITION_NOW: &str = "
local function position(key)
  local at = redis.call('HMGET', key, 'epoch', 'sequence', 'history')
  if at[3] ~= history() then return false end
  return at
end
";

/// Begins the sequence anew, if it has not begun in this history.
const BEGIN_ANEW: &str = "
local function begin(key, epoch)
  if not position(key) then
    redis.call('DEL', key)
    redis.call('HSET', key, 'epoch', epoch, 'sequence', '0', 'history', history())
  end
end
";

pub(crate) static POSITION: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[READS, HISTORY, POSITION_NOW, "return position(KEYS[1])"]));

/// So small that it is done on a full server, too, which could else not be asked for its position.
pub(crate) static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        "#!lua flags=allow-oom\n",
        HISTORY,
        POSITION_NOW,
        BEGIN_ANEW,
        LIVES,
        "
begin(KEYS[1], ARGV[1])
lives(KEYS[1], ARGV[2])
return 1
",
    ])
});

/// The position and all entries, as of one moment.
pub(crate) static SNAPSHOT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        READS,
        HISTORY,
        POSITION_NOW,
        "
local at = position(KEYS[1])
if not at then return false end
return {at[1], at[2], redis.call('HGETALL', KEYS[2])}
",
    ])
});

/// Keeps revocations, removes some that ended long ago, and announces the new ones.
pub(crate) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        CHECKED,
        LIVES,
        HISTORY,
        POSITION_NOW,
        BEGIN_ANEW,
        "
local place, entries, endings = KEYS[1], KEYS[2], KEYS[3]
local now, dead, life, epoch, place_life, channel, told = unpack(ARGV, 1, 7)
local FIRST = 8
local kept = {}
for i = FIRST, #ARGV, 4 do
  local key, before, expires = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  -- A key can be named twice in one call.
  local old = kept[key] and kept[key][1] or redis.call('HGET', entries, key)
  local score = ARGV[i + 3]
  if old then
    local old_before, old_expires = checked(string.sub(old, 1, 20)), checked(string.sub(old, 21))
    if old_expires > now then
      if old_before > before then before = old_before end
      if old_expires > expires then
        expires = old_expires
        score = kept[key] and kept[key][2] or redis.call('ZSCORE', endings, key) or score
      end
    end
  end
  kept[key] = {before .. expires, score}
end
local gone = redis.call('ZRANGE', endings, '-inf', dead, 'BYSCORE', 'LIMIT', 0, 1000)
redis.call('HLEN', entries)
if redis.call('EXISTS', place) == 1 then
  redis.call('HINCRBY', place, 'sequence', 0)
end
begin(place, epoch)
for _, key in ipairs(gone) do
  redis.call('HDEL', entries, key)
  redis.call('ZREM', endings, key)
end
for key, entry in pairs(kept) do
  redis.call('HSET', entries, key, entry[1])
  redis.call('ZADD', endings, entry[2], key)
end
lives(entries, life)
lives(endings, life)
lives(place, place_life)
local sequence = redis.call('HINCRBY', place, 'sequence', 1)
local at = string.format('%020d', sequence)
redis.call('PUBLISH', channel, redis.call('HGET', place, 'epoch') .. at .. told)
return 1
",
    ])
});
