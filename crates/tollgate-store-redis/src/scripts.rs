//! The Lua scripts. Each is one atomic step on the keys of one slot.
//!
//! Times and counts are decimal numbers of 20 digits: Lua numbers are exact only up to 2^53, and
//! such texts compare like numbers. A script reads and checks everything before its first write,
//! and its first line prevents a start on a server whose memory is full. So it is executed
//! completely or not at all.

use std::sync::LazyLock;

use crate::operation::Script;

const WRITES: &str = "#!lua\n";
const READS: &str = "#!lua flags=no-writes\n";

/// Any other value was not written by this crate.
const CHECKED: &str = "
local function checked(text)
  if not text or #text ~= 20 or string.find(text, '%D') then
    error({err = 'CORRUPT a number is malformed'})
  end
  return text
end
";

/// The life of a key is only extended.
const LIVES: &str = "
local function lives(key, milliseconds)
  if redis.call('PTTL', key) < tonumber(milliseconds) then
    redis.call('PEXPIRE', key, milliseconds)
  end
end
";

/// Inserts a session. The tag identifies a repetition of the same call, which succeeds and writes
/// again only so that replicas can be waited for.
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

/// Replaces a session. Returns 1 on success, 0 if the revision differs or the session is gone, 2 if
/// the entry in the index of its subject must be extended first.
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

/// Adds a session to the index of its subject, at least until `cover`. If there are many entries,
/// those that ended long ago are removed.
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

/// Removes entries from an index, unless they have changed.
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

/// The history of writes that the server is in. It changes after a failover or a restart, when the
/// last writes may be missing and the sequence may repeat numbers. A new epoch must begin then. A
/// server that does not report it counts as one that never changes.
const HISTORY: &str = "
local function history()
  local told = redis.pcall('INFO', 'replication')
  return type(told) == 'string' and string.match(told, 'master_replid:(%x+)') or '-'
end
";

/// The position of the sequence; nil if it has not begun in this history.
const POSITION_NOW: &str = "
local function position(key)
  local at = redis.call('HMGET', key, 'epoch', 'sequence', 'history')
  if at[3] ~= history() then return false end
  return at
end
";

/// Begins a new sequence with an empty order, unless it has begun in this history.
const BEGIN_ANEW: &str = "
local function begin(key, order, epoch)
  if not position(key) then
    redis.call('DEL', key, order)
    redis.call('HSET', key, 'epoch', epoch, 'sequence', '0', 'history', history())
  end
end
";

pub(crate) static POSITION: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[READS, HISTORY, POSITION_NOW, "return position(KEYS[1])"]));

/// Begins a sequence. Allowed on a full server, because the position could not be read otherwise.
pub(crate) static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        "#!lua flags=allow-oom\n",
        HISTORY,
        POSITION_NOW,
        BEGIN_ANEW,
        LIVES,
        "
begin(KEYS[1], KEYS[2], ARGV[1])
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

/// The position and the entries that changed after a number of the sequence, as of one moment.
pub(crate) static CHANGES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        READS,
        HISTORY,
        POSITION_NOW,
        "
local at = position(KEYS[1])
if not at then return false end
local changed = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], '(' .. ARGV[1], '+inf', 'BYSCORE')) do
  local entry = redis.call('HGET', KEYS[3], key)
  if entry then
    table.insert(changed, key)
    table.insert(changed, entry)
  end
end
return {at[1], at[2], changed}
",
    ])
});

/// Stores revocations, removes some that ended long ago, and gives a hint. The hint may fail, such
/// as for want of permission.
pub(crate) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        CHECKED,
        LIVES,
        HISTORY,
        POSITION_NOW,
        BEGIN_ANEW,
        "
local place, order, entries, endings = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, dead, life, epoch, place_life, channel = unpack(ARGV, 1, 6)
local FIRST = 7
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
redis.call('ZCARD', order)
if redis.call('EXISTS', place) == 1 then
  redis.call('HINCRBY', place, 'sequence', 0)
end
begin(place, order, epoch)
for _, key in ipairs(gone) do
  redis.call('HDEL', entries, key)
  redis.call('ZREM', endings, key)
  redis.call('ZREM', order, key)
end
local sequence = redis.call('HINCRBY', place, 'sequence', 1)
for key, entry in pairs(kept) do
  redis.call('HSET', entries, key, entry[1])
  redis.call('ZADD', endings, entry[2], key)
  redis.call('ZADD', order, sequence, key)
end
lives(entries, life)
lives(endings, life)
lives(order, life)
lives(place, place_life)
redis.pcall('PUBLISH', channel, '')
return 1
",
    ])
});
