//! The Lua scripts. Each is one atomic step on the keys of one slot.
//!
//! Times and counts are decimal numbers of 20 digits: Lua numbers are exact only up to 2^53, and
//! such texts compare like numbers. A value that no script has written is never an error for other
//! data: it is read by a rule, repaired or dropped.
//!
//! A server whose memory is full starts a script only if its first line allows it. The scripts with
//! `_WHEN_FULL` in their names run after that refusal, and bound their own writes.

use std::sync::LazyLock;

use crate::operation::Script;

const WRITES: &str = "#!lua\n";
const WRITES_WHEN_FULL: &str = "#!lua flags=allow-oom\n";
const READS: &str = "#!lua flags=no-writes\n";

const NUMBERS: &str = "
local LARGEST = '18446744073709551615'
local function is_number(text)
  return type(text) == 'string' and #text == 20 and not string.find(text, '%D') and text <= LARGEST
end
";

/// The time of the server: seconds and microseconds.
const CLOCK: &str = "
local clock = redis.call('TIME')
";

/// Returns the answer to a read, or `nil` for a key of another type, which counts as missing.
const TYPED: &str = "
local function typed(answer)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE') then return nil end
  error(answer)
end
";

/// The time up to which entries have ended: the earlier of the caller's time and the server's, but
/// at most two hours before the caller's. See `RevocationStore` for the rule.
const ENDS: &str = "
local function digits(number)
  return number < 2 ^ 53 and string.format('%020.0f', number) or LARGEST
end
local function ends(now)
  local caller, server = tonumber(now), tonumber(clock[1])
  if caller <= server then return now end
  return digits(math.max(server, caller - 7200))
end
";

/// The life of a key: until `expires`, two hours longer, as the clock of the server may be ahead of
/// those of all callers, and at most 100 years.
const LIVES: &str = "
local function life(expires, at)
  local seconds = math.max(tonumber(expires) - tonumber(at), 0) + 7200
  return string.format('%.0f', math.min(seconds, 3153600000) * 1000)
end
local function lives(key, milliseconds)
  if redis.call('PTTL', key) < tonumber(milliseconds) then
    redis.call('PEXPIRE', key, milliseconds)
  end
end
";

/// Inserts a session. The tag identifies a repetition of the same call, which succeeds and writes
/// again only so that replicas can be waited for. A session that cannot be read is overwritten.
pub(crate) static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        NUMBERS,
        TYPED,
        "
local key = KEYS[1]
local now, expires, revision, subject, data, cover, tag, lasts = unpack(ARGV)
local old = typed(redis.pcall('HMGET', key, 'expires', 'tag'))
if old and old[2] == tag then
  redis.call('PEXPIRE', key, lasts)
  return 1
end
if old and is_number(old[1]) and old[1] > now then
  return 0
end
redis.call('DEL', key)
redis.call('HSET', key, 'expires', expires, 'revision', revision, 'subject', subject, 'data', data,
  'cover', cover, 'tag', tag)
redis.call('PEXPIRE', key, lasts)
return 1
",
    ])
});

/// Charges a budget of login attempts, by the rule of `AttemptCharge::apply`. Returns 1 if it was
/// changed, and the seconds after which it is full again. The numbers of a budget are exact in Lua.
pub(crate) static CHARGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        TYPED,
        "
local key = KEYS[1]
local now, seconds, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local back = ARGV[4] == '1'
local latest = now + most
local stored = typed(redis.pcall('HMGET', key, 'ends'))
local there = math.min(math.max(tonumber(stored and stored[1] or '') or now, now), latest)
local level, taken = there, 1
if back then
  level = math.max(there - seconds, now)
elseif there + seconds <= latest then
  level = there + seconds
else
  taken = 0
end
redis.call('DEL', key)
if level > now then
  redis.call('HSET', key, 'ends', string.format('%.0f', level))
  redis.call('PEXPIRE', key, string.format('%.0f', (level - now + 60) * 1000))
end
return {taken, level - now}
",
    ])
});

/// Replaces a session. Returns 1 on success, 0 if the revision differs or the session is gone, 2 if
/// the entry in the index of its subject must be extended first.
pub(crate) static REPLACE: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[WRITES, NUMBERS, TYPED, REPLACEMENT, REPLACED]));

/// As [`REPLACE`], for a replacement that ends a session: it is hardly larger and expires earlier.
/// Returns 3 for any other.
pub(crate) static REPLACE_WHEN_FULL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES_WHEN_FULL,
        NUMBERS,
        TYPED,
        REPLACEMENT,
        "
if expires >= old[2] or #data > #(redis.call('HGET', key, 'data') or '') + 64 then
  return 3
end
",
        REPLACED,
    ])
});

/// Every refresh runs this, so it does nothing that only a refused write needs. An answer that is
/// an error has no elements.
const REPLACEMENT: &str = "
local key = KEYS[1]
local now, expires, expected, revision, data, cover, tag, lasts = unpack(ARGV)
local old = redis.pcall('HMGET', key, 'revision', 'expires', 'cover', 'tag')
if old[4] == tag then
  redis.call('PEXPIRE', key, lasts)
  return 1
end
if old[1] ~= expected then
  typed(old)
  return 0
end
if not is_number(old[2]) or old[2] <= now then
  return 0
end
if is_number(old[3]) and old[3] > cover then
  cover = old[3]
end
if expires > cover then
  return 2
end
";

const REPLACED: &str = "
redis.call('HSET', key, 'expires', expires, 'revision', revision, 'data', data, 'cover', cover,
  'tag', tag)
redis.call('PEXPIRE', key, lasts)
return 1
";

/// Writes the revision of a session again, so that replicas can be waited for. Returns 0 if the
/// session has another revision or has expired.
pub(crate) static CONFIRM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES_WHEN_FULL,
        NUMBERS,
        TYPED,
        "
local key = KEYS[1]
local now, revision = unpack(ARGV)
local old = typed(redis.pcall('HMGET', key, 'revision', 'expires'))
if not old or old[1] ~= revision or not is_number(old[2]) or old[2] <= now then
  return 0
end
redis.call('HSET', key, 'revision', revision)
return 1
",
    ])
});

/// Removes a session of a subject, or one that cannot be read. Returns 0 if there is none, 2 if it
/// is of another subject. Writes in any case, so that replicas can be waited for.
pub(crate) static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES_WHEN_FULL,
        TYPED,
        "
local key = KEYS[1]
local old = typed(redis.pcall('HMGET', key, 'subject'))
if old and old[1] and old[1] ~= ARGV[1] then
  return 2
end
local there = redis.call('DEL', key)
redis.call('HSET', key, 'subject', '')
redis.call('DEL', key)
return there
",
    ])
});

/// Adds a session to the index of its subject, at least until `cover`. If there are many entries,
/// those that ended long ago or cannot be read are removed.
pub(crate) static ENTER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        NUMBERS,
        TYPED,
        CLOCK,
        ENDS,
        LIVES,
        "
local key = KEYS[1]
local now, id, cover, lasts = unpack(ARGV)
local old = typed(redis.pcall('HMGET', key, id))
if not old then
  redis.call('DEL', key)
  old = {}
end
local listed_until = string.sub(old[1] or '', 1, 20)
if is_number(listed_until) and listed_until > cover then cover = listed_until end
if redis.call('HLEN', key) >= 64 then
  local dead = digits(math.max(tonumber(ends(now)) - 300, 0))
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local listed = string.sub(all[i + 1], 1, 20)
    if not is_number(listed) or listed <= dead then
      redis.call('HDEL', key, all[i])
    end
  end
end
redis.call('HSET', key, id, cover .. now)
lives(key, lasts)
return 1
",
    ])
});

/// Removes entries from a hash, unless they have changed.
pub(crate) static LEAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES_WHEN_FULL,
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

/// The position of the sequence of revocations; `false` if a new one must begin. The second value
/// tells that a key of the revocations is missing before its end, so that entries are lost.
///
/// The history is that of the writes of a server. It changes after a failover or a restart, when
/// the last writes may be missing and the sequence may repeat numbers. If the server does not
/// report it, any history is accepted.
const POSITION_NOW: &str = "
local place, order, entries, endings = unpack(KEYS)
local function history()
  local told = redis.pcall('INFO', 'replication')
  return type(told) == 'string' and string.match(told, 'master_replid:(%x+)') or nil
end
local milliseconds = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function position()
  local at = typed(redis.pcall('HMGET', place, 'epoch', 'sequence', 'history', 'kept'))
  if not at or not is_number(at[1]) or not string.find(at[2] or '', '^%d+$') or #at[2] > 15 then
    return false
  end
  local known = history()
  if known and at[3] ~= known then return false end
  local kept = tonumber(at[4])
  if not kept then return false end
  if kept > milliseconds and redis.call('EXISTS', order, entries, endings) < 3 then
    return false, true
  end
  return at
end
";

/// Reads an entry. One that cannot be read revokes every token of its key, or of its subject all
/// that were issued until now, until the end in the order of endings, and for at least a day.
const ENTRIES: &str = "
local function read(key, value, now)
  local before, expires = string.sub(value, 1, 20), string.sub(value, 21)
  if is_number(before) and is_number(expires) then return before, expires end
  local score = tonumber(redis.call('ZSCORE', endings, key) or 0) or 0
  local kind = string.sub(key, 1, 1)
  local all = kind ~= 'u' and kind ~= 'e'
  before = all and LARGEST or digits(tonumber(now) + 1)
  return before, digits(math.max(score, tonumber(now) + 86400))
end
";

/// Begins a new sequence, unless it has begun in this history. Rebuilds the orders from the entries
/// if they are missing or have the wrong type. The member of the order without a name keeps its key
/// alive.
const BEGIN_ANEW: &str = "
local function keeps()
  local left = redis.call('PTTL', entries)
  local kept = left < 0 and '0' or string.format('%.0f', milliseconds + left - 1000)
  redis.call('HSET', place, 'kept', kept)
end
local function begin(epoch, lasts, now)
  local at, lost = position()
  local sound = true
  for key, wanted in pairs({[entries] = 'hash', [order] = 'zset', [endings] = 'zset'}) do
    local is = redis.call('TYPE', key).ok
    if is ~= wanted and is ~= 'none' then
      if key == entries then
        error({err = 'CORRUPT the revocations are not a hash'})
      end
      redis.call('DEL', key)
      sound = false
    end
  end
  if at and sound then return false end
  if redis.call('EXISTS', entries) == 1 and redis.call('EXISTS', endings) == 0 then
    local all = redis.call('HGETALL', entries)
    for i = 1, #all, 2 do
      local _, expires = read(all[i], all[i + 1], now)
      redis.call('ZADD', endings, string.format('%.0f', tonumber(expires)), all[i])
    end
    lives(endings, string.format('%.0f', redis.call('PTTL', entries)))
  end
  redis.call('DEL', place, order)
  redis.call('HSET', place, 'epoch', epoch, 'sequence', '0', 'history', history() or '-')
  redis.call('ZADD', order, '-1', '')
  lives(order, lasts)
  lives(place, lasts)
  keeps()
  return lost
end
";

pub(crate) static POSITION: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        READS,
        NUMBERS,
        TYPED,
        CLOCK,
        POSITION_NOW,
        "
local at = position()
return at and {at[1], at[2]}
",
    ])
});

/// Begins a sequence unless there is one, and writes in any case, so that replicas can be waited
/// for. Allowed on a full server, because the position could not be read otherwise. Returns 2 if
/// entries are lost.
pub(crate) static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES_WHEN_FULL,
        NUMBERS,
        TYPED,
        CLOCK,
        ENDS,
        LIVES,
        POSITION_NOW,
        ENTRIES,
        BEGIN_ANEW,
        "
local now, expires, epoch = unpack(ARGV)
local lost = begin(epoch, life(expires, ends(now)), now)
redis.call('HINCRBY', place, 'sequence', 0)
return lost and 2 or 1
",
    ])
});

/// The position, the time of the server, and all entries, as of one moment.
pub(crate) static SNAPSHOT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        READS,
        NUMBERS,
        TYPED,
        CLOCK,
        POSITION_NOW,
        "
local at = position()
if not at then return false end
return {at[1], at[2], clock[1], redis.call('HGETALL', entries)}
",
    ])
});

/// The fields of a session, and the entries of the keys in the arguments, of which the last two are
/// completed with the subject. Returns 0 if there is no session, 1 if one of both cannot be read.
pub(crate) static SESSION_AND_ENTRIES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        READS,
        TYPED,
        "
local session, entries = unpack(KEYS)
local of_session, of_subject, of_sessions = unpack(ARGV, 1, 3)
local fields = typed(redis.pcall('HMGET', session, unpack(ARGV, 4)))
local subject = fields and fields[1]
if not subject then
  return redis.call('EXISTS', session)
end
local found = typed(redis.pcall('HMGET', entries, of_session, of_subject .. subject,
  of_sessions .. subject))
return found and {fields, found} or 1
",
    ])
});

/// As [`SNAPSHOT`], but only the entries that changed after a number of the sequence.
pub(crate) static CHANGES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        READS,
        NUMBERS,
        TYPED,
        CLOCK,
        POSITION_NOW,
        "
local at = position()
if not at then return false end
local keys = typed(redis.pcall('ZRANGE', order, '(' .. ARGV[1], '+inf', 'BYSCORE'))
if not keys then return false end
local changed = {}
for _, key in ipairs(keys) do
  local entry = redis.call('HGET', entries, key)
  if entry then
    table.insert(changed, key)
    table.insert(changed, entry)
  end
end
return {at[1], at[2], clock[1], changed}
",
    ])
});

/// Stores revocations, removes some that ended long ago, and gives a hint. The hint may fail, such
/// as for want of permission. Returns 2 if earlier entries are lost.
pub(crate) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES,
        NUMBERS,
        TYPED,
        CLOCK,
        ENDS,
        LIVES,
        POSITION_NOW,
        ENTRIES,
        BEGIN_ANEW,
        REVOCATION,
        REVOKED,
    ])
});

/// As [`REVOKE`], on a full server: as long as there are at most 100 000 entries, with keys of at
/// most 1 KiB.
pub(crate) static REVOKE_WHEN_FULL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WRITES_WHEN_FULL,
        NUMBERS,
        TYPED,
        CLOCK,
        ENDS,
        LIVES,
        POSITION_NOW,
        ENTRIES,
        BEGIN_ANEW,
        REVOCATION,
        "
if longest > 1024 or fresh > 0 and redis.call('HLEN', entries) + fresh > 100000 then
  return redis.error_reply('OOM the reserve for revocations is used up')
end
",
        REVOKED,
    ])
});

const REVOCATION: &str = "
local now, last, place_end, epoch, channel = unpack(ARGV, 1, 5)
local FIRST = 6
local at = ends(now)
local place_lasts = life(place_end, at)
local lost = begin(epoch, place_lasts, now)
if FIRST <= #ARGV then
  local dead = tonumber(at) < 2 ^ 53 and string.format('%.0f', tonumber(at) - 300) or '-inf'
  for _, key in ipairs(redis.call('ZRANGE', endings, '-inf', dead, 'BYSCORE', 'LIMIT', 0, 1000)) do
    redis.call('HDEL', entries, key)
    redis.call('ZREM', endings, key)
    redis.call('ZREM', order, key)
  end
end
local kept, fresh, longest = {}, 0, 0
for i = FIRST, #ARGV, 4 do
  local key, before, expires, score = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  -- A key can be named twice in one call.
  local old = kept[key] and kept[key][1] or redis.call('HGET', entries, key)
  if old then
    local old_before, old_expires = read(key, old, now)
    if old_expires > at then
      if old_before > before then before = old_before end
      if old_expires > expires then
        expires = old_expires
        score = kept[key] and kept[key][2] or string.format('%.0f', tonumber(expires))
      end
    end
  else
    fresh = fresh + 1
  end
  longest = math.max(longest, #key)
  kept[key] = {before .. expires, score}
end
";

const REVOKED: &str = "
local sequence = redis.call('HINCRBY', place, 'sequence', 1)
for key, entry in pairs(kept) do
  redis.call('HSET', entries, key, entry[1])
  redis.call('ZADD', endings, entry[2], key)
  redis.call('ZADD', order, sequence, key)
end
local lasts = life(last, at)
lives(entries, lasts)
lives(endings, lasts)
lives(order, place_lasts)
lives(place, place_lasts)
keeps()
redis.pcall('PUBLISH', channel, '')
return lost and 2 or 1
";
