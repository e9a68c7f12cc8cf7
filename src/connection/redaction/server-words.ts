import { allEntries } from '../../commands/catalogue.ts';

/** Words that servers use in errors of their own: they tell nothing of an argument. From the texts of Redis and Valkey. */
const WORDS = `
0 1 2 a able abort aborted aborting about above absolute accepted accepting accepts access accessible
accordingly accumulated acl acls acquire acquires across action active actually add added adding addr
address addresses adds adj adjust adopt advice after again against aggregate alignment all allchannels
allkeys allocate allocating allocation allow allowed allowing alphanumeric already also alternatively
alters always ambiguous amount an and annotation annotations announce anonymous another any anywhere aof
api apparently appear append appenddirname appended appendfilename applicable applied applyconfig applying
arbitrary are aren arg args argument arguments arithmetic arity around array as ask asked asks assign
assigned associated assume assuming async asynchronous asynchronously at attach attached attempt attempted
attempting attrib attribute auth authenticate authenticated authentication authorize auto automatically
available aware background backlog backup bad base bcast be because before beginning being between bgsave
big bigger bignum bind bit bitfield bitmap bitop bits blob block blocked blocking bool boolean both
boundary break breakpoint breakpoints buffer built bulk bus busy busygroup busykey but by byradius byscore
byte bytes cache cached caching call callback called calling calls can canceled cannot capa capability
capture captures case category certain certificate certificates cgroup change changed changes channel
channels char character characters check checksum child chunk ciphers ciphersuites cjson class client
clients closed cluster clusterdown code combination command commandlog commands communication community
compare compared comparing compatible compiled complete completed complex complexity compressed concat
concatenate concatenated conditions conf config configuration configurations configure configured
configuring connect connected connecting connection connections consult consumer consumers contain
containing contains content context continue control conversion converted copy copying core coroutine
correctness corrupt corrupted could couldn count counting crash create created creates creating critical
cross crossslot current currently cursor data database dataset db dbfilename debug debugging declare
declared decode decoder decrement deep default define defined defragmentation delay delayed delete deleted
delimiter delivered denied deny derive description destination details detected dictionaries did didn
different digest dimension dir direction directive directly directory dirname disable disabled disabling
discarded disconnected disk diskless disks distance distribution do documentation does doesn don double
doubt down due dump duplicate duplicated during dynamic each easy echo editing effect either element
elements else empty enable enabled enabling encoded encoding end ends enforced engine enough entries
entriesread entry environment eof epoch equal err error errors escape especially etc eval evalsha even
event events every everysec eviction ex exactly exat exceeded exceeding exceeds excessive exclusive exec
execabort executable execute executed execution exhausted exist existing exists exit exiting expected
expecting expiration expire expired expiry export exports expression ext extension external extremely
factor fail failed failing failover fails failure false fatal fcall feature fetch field fields file
filename filepath files filesystems filter filtered final find finished fired fires first fix fixed fixing
flag flags float flush flushslots following for force forget fork format found free freeing frequency from
fromlonlat frommember fsync ft full fullresync function functions future generator genpass geo georadius
get getting given global globals go good got greater group groups gt guarantees half handle handled
handler handshake happen hard has hash hashes hashslot hasn have head height hello help hexadecimal
hexpire hi high higher history hll hllcount hold holding holds host hostname hostnames how however https
huge hyperloglog hyphens i i16 i32 i64 i8 id idle ids idx if ignoring immutable importing in inclusive
incorrectly incr increase increment index indexes indicator inf infinity info information ing initial
initialization initialize inline inprog input insert inside instance instances instead instruct
insufficient integer integers integrity inter interact interface internet interval into intset invalid
invalidobj invocation invoke ioerr is isn issue issues it item items its json just keepttl key keys
keyspace keyword kill killed kind km know lack lag large last latency later latitude lcs lead least len
length less lesser level levels lexical lfu lib libraries library like likely limit line lines link list
listed listen listening listpack listpacks lists ll load loadaof loadconfigs loaded loadex loading
loadmodule local lock log logged loglevel logs long longer longitude look looks loop loopback looping
lower lowercase lru lt lua lzf m majority make malformed mandatory manifest manually many map marked
master masterdown masters match matched matching max maximum maxlen maxmemory may mbulk me means member
members memory mentioned merge message messagepack messages metadata metamethod metatable method mi
migrate migrated migrating milliseconds min minid minutes misconf mismatch missing misuse mkstream mode
modified modifier modify module modules moment monitor monitoring more move moved multi multibulk multiple
must mutually my myid myself nack name named names nan near nearest need needed needs negative nested
nesting never new newlines next nil no noack noauth node nodes noeviction nofile noflush nogoodslave
nogroup nokey non none nonexistent noperm noproto noquorum nor noreplicas normal nosave noscript not
notbusy note nothing notice notification notifications now null num number numbers numfields numkeys
nwritten nx object objects observed obtain obtained octal of off offset ok on once one oneof online only
onunload oom open opening openssl operating operation operations optin option optional options optout or
order ordered other otherwise our out output outside over overflow overlap overlaps overwrite owner
ownership pack packet pages pair parameters params parent parsed parser part partial pass passed password
path paths pattern patterns pause pay payload pcall pel pending percent percentage percentiles perform
performance performed periods permanent permission permissions permitted persist persisting pid ping
pipeline place please policies policy port positions positive possible possibly post potentially power
preamble precision prefix prefixes preparing prepend present previous previously primaries primary private
proc process processes progress promote propagated protected proto protocol protocols provide provided
provides providing proxy psubscribe psync publicly publish push px pxat query queue queued quicklist quit
quorum quotes radius random randomseed range rangetype rank rate rdb re reach reachable reached read
readable reading readonly reallocation really reason reasonably reboot received reconfig reconfigure
reconnect recover redirect redirection redis reduce refcount referenced refuse register registered
rehashing related reload remove removed removes rename repaired repeated repeatedly replace replacement
replconf replica replicaof replicas replicate replication replid replied reply report reported reporting
represented representing request requested require required requirements requires reset resetchannels
resetkeys resolve resp response restart restarted restarting restarts restore restored restoring result
resulting results resume resync retain retry retrycount return returned returns reverse rewrite rewriting
rewritten rid right rules run runid running runtime s same samples sane save scan schedule scheduled score
scores script script_user scripting scripts sds search second seconds section security seed seek seems
select selected self send sending sent sentinel sentinels sequence serialise serialized serve served
server set setresp setslot setting setup setuser sha sha1 shard sharded sharding shebang short should
shutdown side signal signature simple simultaneously since single sit size skipped skipping slice
slightest slot slots slow slower slowlog small smaller smallest snapshots snapshotting sni so socket
solutions some something sometimes sorry sort sorted sorting source space spaces sparse spec special
specific specified specifiers specify specifying specs ssl ssubscribe stale start started starting starts
stat state statement stats status still stop stopping store stored strategy strbuf stream streams stress
string strings structure structures subargs subcommand subscribe subscribed successful such suggest
suitable supervision support supported supports sure suspended swapdb switch switching symbol sync
synchronization synchronous syntax sys system t table tail take taken taking target tcp tell temp template
termination terminator than that the then there things this though threshold time timeout timer timers
times timestamp title tls to together token too took tools top topics total touch tracked tracking
transaction transfer transient transparent tried trigger triggered trim trimming true truncate truncated
try tryagain trying ttl turn turned two type types u16 u32 u63 u64 u8 unable unassigned unauthenticated
unbalanced unblock unblockclient unblocked undefined under underflow underscores understand unexpected
unfinished unicode unit unix unkillable unknown unload unloading unpack unrecoverable unsubscribe
unsupported until up update updating upvalue upvalues us usable usage use used user user_function
user_script userdata username usernames users using usually utf valid validity value values vararg
variable variables variant ve vector vectors verbatim verbose verification version very via volatile vs
wait waiting want warning was wasn watch way we weight were weren what when whenever where which while
width will with without withscores won work would writable write writeback writes writing written wrong
wrongpass wrongtype xadd xautoclaim xclaim xgroup xrange xread xreadgroup xsetid xtrim xx yes yield you
your zero ziplist zset zunion
`;

let words: Set<string> | null = null;

/** The words above and the names of commands, in lower case; made when the first error comes. */
export function serverWords(): ReadonlySet<string> {
  if (words !== null) return words;
  words = new Set(WORDS.trim().split(/\s+/));
  for (const { name } of allEntries()) {
    for (const word of name.toLowerCase().split(/[^a-z0-9_]+/)) words.add(word);
  }
  return words;
}
