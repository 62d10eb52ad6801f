%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: The Osier authors

%% The same work as the cases of osier-bench, for Erlang/OTP: prints one line of the same form. The remote ones run
%% between this node and the one that the environment variable PEER names.
-module(peer_bench).
-compile([export_all, nowarn_export_all]).

main([Case | Args]) ->
    logger:set_primary_config(level, none),
    run(list_to_atom(Case), [list_to_integer(A) || A <- Args]),
    halt(0).

%% The second node: ends with the first one, or when that does not come.
serve() ->
    net_kernel:monitor_nodes(true),
    receive {nodeup, _} -> ok after 20000 -> halt(1) end,
    receive {nodedown, _} -> halt(0) end.

report(Case, N, Us, More) ->
    S = Us / 1.0e6,
    io:format("case=~s n=~b seconds=~.6f rate=~b~s~n", [Case, N, S, round(N / S), More]).

run(ping_pong, [N]) ->
    Self = self(),
    Pong = spawn_link(fun pong/0),
    {Us, ok} = timer:tc(fun() -> ping(N, Pong, Self) end),
    report(ping_pong, N, Us, "");

run(ring, [N, K]) ->
    Self = self(),
    First = lists:foldl(fun(_, Next) -> spawn_link(fun() -> ring(Next, Self) end) end,
                        self(), lists:seq(2, K)),
    {Us, ok} = timer:tc(fun() -> ring_start(First, N) end),
    report(ring, N, Us, "");

run(fan_in, [N, K]) ->
    Self = self(),
    Each = N div K,
    {Us, ok} = timer:tc(fun() ->
        [spawn_link(fun() -> blast(Self, Each) end) || _ <- lists:seq(1, K)],
        drain(Each * K) end),
    report(fan_in, Each * K, Us, "");

%% at most 1,000 at a time
run(spawn_exit, [N]) ->
    Self = self(),
    {Us, ok} = timer:tc(fun() -> spawn_exit(N, Self) end),
    report(spawn_exit, N, Us, "");

run(idle_servers, [N]) ->
    erlang:garbage_collect(),
    R0 = rss(),
    {Us, Ps} = timer:tc(fun() -> [idle_server(I) || I <- lists:seq(1, N)] end),
    R1 = rss(),
    report(idle_servers, N, Us,
           io_lib:format(" bytes_each=~.1f alive=~b", [(R1 - R0) / N, length(Ps)]));

run(call, [N]) ->
    {ok, P} = gen_server:start_link(?MODULE, [], []),
    {Us, ok} = timer:tc(fun() -> calls(N, P) end),
    report(call, N, Us, "");

run(call_backlog, [N, B]) ->
    {ok, P} = gen_server:start_link(?MODULE, [], []),
    [self() ! {noise, I} || I <- lists:seq(1, B)],
    {Us, ok} = timer:tc(fun() -> calls(N, P) end),
    report(call_backlog, N, Us, "");

run(skynet, [N]) ->
    {Us, Sum} = timer:tc(fun() ->
        Self = self(),
        spawn_link(fun() -> skynet(Self, 0, N) end),
        receive {sum, V} -> V end end),
    Sum = N * (N - 1) div 2,
    report(skynet, N, Us, "");

run(big, [K, M]) ->
    Self = self(),
    {Us, ok} = timer:tc(fun() ->
        Ps = list_to_tuple([spawn_link(fun() -> big(Self, K, I) end) || I <- lists:seq(0, K - 1)]),
        [P ! {go, Ps, M} || P <- tuple_to_list(Ps)],
        done(K),
        ok end),
    report(big, K * M, Us, "");

run(restart, [N]) ->
    {ok, Sup} = supervisor:start_link(?MODULE, {sup, N + 1}),
    {Us, ok} = timer:tc(fun() -> restarts(N, Sup) end),
    report(restart, N, Us, "");

run(timers, [N]) ->
    {Us, ok} = timer:tc(fun() ->
        Rs = [erlang:start_timer(60000 + I rem 5000, self(), x) || I <- lists:seq(1, N)],
        [erlang:cancel_timer(R) || R <- Rs], ok end),
    report(timers, N, Us, "");

run(remote_ping_pong, [N, Bytes]) -> ping_pong(remote_ping_pong, N, Bytes);
run(remote_ping_pong_busy, [N, Bytes]) ->
    spawn_link(fun busy/0),
    ping_pong(remote_ping_pong_busy, N, Bytes);

run(remote_stream, [N, Bytes, K]) ->
    Peer = peer(),
    Sink = spawn_link(Peer, ?MODULE, sink, [self(), N div K * K]),
    Bin = rand:bytes(Bytes),
    {Us, ok} = timer:tc(fun() ->
        [spawn_link(fun() -> stream(Sink, Bin, N div K) end) || _ <- lists:seq(1, K)],
        receive {sink_done, _} -> ok end end),
    report(remote_stream, N div K * K, Us, io_lib:format(" bytes=~b MBps=~.1f", [Bytes, N * Bytes / Us]));

run(remote_under_load, [N, Bytes]) ->
    Peer = peer(),
    Self = self(),
    Sink = spawn_link(Peer, ?MODULE, sink, [Self, N]),
    Bin = rand:bytes(Bytes),
    {Us, ok} = timer:tc(fun() ->
        spawn_link(fun() -> stream(Sink, Bin, N) end),
        Tripper = spawn_link(fun() -> Self ! {trips, trips_until_done(echo(Peer), rand:bytes(64), [])} end),
        receive {sink_done, _} -> Tripper ! done, ok end end),
    Lat = receive {trips, Trips} -> Trips end,
    report(remote_under_load, N, Us, io_lib:format(" bytes=~b MBps=~.1f trips=~b~s",
        [Bytes, N * Bytes / Us, length(Lat), percentiles(Lat)]));

run(remote_call, [N]) ->
    Peer = peer(),
    {ok, P} = rpc:call(Peer, gen_server, start, [?MODULE, [], []]),
    {Us, ok} = timer:tc(fun() -> calls(N, P) end),
    report(remote_call, N, Us, "");

run(remote_spawn, [N]) ->
    Peer = peer(),
    Self = self(),
    {Us, ok} = timer:tc(fun() ->
        [begin spawn(Peer, ?MODULE, hello, [Self]), receive hello -> ok end end || _ <- lists:seq(1, N)],
        ok end),
    report(remote_spawn, N, Us, "");

run(node_kill, [N]) ->
    Peer = peer(),
    OsPid = rpc:call(Peer, os, getpid, []),
    Ps = rpc:call(Peer, ?MODULE, sleepers, [N]),
    [erlang:monitor(process, P) || P <- Ps],
    _ = rpc:call(Peer, erlang, node, []),
    {Us, ok} = timer:tc(fun() -> os:cmd("kill -9 " ++ OsPid), downs(N) end),
    report(node_kill, N, Us, "").

peer() -> peer(list_to_atom(os:getenv("PEER")), 100).
peer(Peer, Left) when Left > 0 ->
    case net_adm:ping(Peer) of
        pong -> Peer;
        pang -> timer:sleep(100), peer(Peer, Left - 1)
    end.

ping_pong(Case, N, Bytes) ->
    Pong = echo(peer()),
    Bin = rand:bytes(Bytes),
    Lat = [trip(Pong, Bin) || _ <- lists:seq(1, N)],
    report(Case, N, lists:sum(Lat) / 1000, io_lib:format(" bytes=~b~s", [Bytes, percentiles(Lat)])).

echo(Peer) -> spawn_link(Peer, ?MODULE, echo, []).
trip(Pong, Bin) ->
    T0 = erlang:monotonic_time(nanosecond),
    Pong ! {self(), Bin},
    receive {Pong, Back} when byte_size(Back) =:= byte_size(Bin) -> ok end,
    erlang:monotonic_time(nanosecond) - T0.
trips_until_done(Pong, Bin, Lat) ->
    More = [trip(Pong, Bin) | Lat],
    receive done -> More after 0 -> trips_until_done(Pong, Bin, More) end.
percentiles(Lat) ->
    N = length(Lat),
    S = list_to_tuple(lists:sort(Lat)),
    io_lib:format(" p50_us=~.1f p99_us=~.1f",
                  [element(max(1, N div 2), S) / 1000, element(max(1, N * 99 div 100), S) / 1000]).

busy() -> busy().
sleepers(N) -> [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, N)].
hello(To) -> To ! hello.
echo() -> receive {From, Bin} -> From ! {self(), Bin}, echo() end.
sink(To, 0) -> To ! {sink_done, self()};
sink(To, N) -> receive {m, _} -> sink(To, N - 1) end.
stream(_, _, 0) -> ok;
stream(To, Bin, N) -> To ! {m, Bin}, stream(To, Bin, N - 1).
downs(0) -> ok;
downs(N) -> receive {'DOWN', _, process, _, noconnection} -> downs(N - 1) end.

pong() -> receive {ping, From, I} -> From ! {pong, I}, pong() end.
ping(0, _, _) -> ok;
ping(N, Pong, Self) -> Pong ! {ping, Self, N}, receive {pong, N} -> ping(N - 1, Pong, Self) end.

ring_start(First, N) -> First ! {token, N}, ring_loop(First).
ring_loop(Next) ->
    receive
        {token, 0} -> ok;
        done -> ok;
        {token, N} -> Next ! {token, N - 1}, ring_loop(Next)
    end.
ring(Next, Owner) ->
    receive
        {token, 0} -> Owner ! done;
        {token, N} -> Next ! {token, N - 1}, ring(Next, Owner)
    end.

blast(_, 0) -> ok;
blast(To, N) -> To ! {m, N}, blast(To, N - 1).
drain(0) -> ok;
drain(N) -> receive {m, _} -> drain(N - 1) end.

spawn_exit(0, _) -> ok;
spawn_exit(N, Self) ->
    W = min(N, 1000),
    [spawn(fun() -> Self ! {hi, I} end) || I <- lists:seq(1, W)],
    his(W), spawn_exit(N - W, Self).
his(0) -> ok;
his(N) -> receive {hi, _} -> his(N - 1) end.

calls(0, _) -> ok;
calls(N, P) -> N = gen_server:call(P, {echo, N}), calls(N - 1, P).

skynet(Up, Num, 1) -> Up ! {sum, Num};
skynet(Up, Num, Size) ->
    Sub = Size div 10, Self = self(),
    [spawn_link(fun() -> skynet(Self, Num + I * Sub, Sub) end) || I <- lists:seq(0, 9)],
    Up ! {sum, skysum(10, 0)}.
skysum(0, Acc) -> Acc;
skysum(K, Acc) -> receive {sum, V} -> skysum(K - 1, Acc + V) end.

big(Owner, K, I) -> receive {go, Ps, M} -> big_send(Ps, K, I, M), big_take(M), Owner ! big_done end.
big_send(_, _, _, 0) -> ok;
big_send(Ps, K, I, S) ->
    element((I + 7919 * S) rem K + 1, Ps) ! {b, self()},
    big_send(Ps, K, I, S - 1).
big_take(0) -> ok;
big_take(M) -> receive {b, _} -> big_take(M - 1) end.
done(0) -> ok;
done(K) -> receive big_done -> done(K - 1) end.

restarts(0, _) -> ok;
restarts(N, Sup) ->
    P = whereis(bench_child),
    exit(P, kill), wait_new(P), restarts(N - 1, Sup).
wait_new(Old) ->
    case whereis(bench_child) of
        New when New =:= undefined; New =:= Old -> erlang:yield(), wait_new(Old);
        _ -> ok
    end.

idle_server(I) ->
    {ok, P} = gen_server:start(?MODULE, [], []),
    I = gen_server:call(P, {echo, I}),
    P.

rss() ->
    {ok, B} = file:read_file("/proc/self/statm"),
    [_, R | _] = binary:split(B, <<" ">>, [global]),
    binary_to_integer(R) * 4096.

%% callbacks of the server and the supervisor
init({sup, N}) -> {ok, {#{strategy => one_for_one, intensity => N, period => 3600},
                   [#{id => c, start => {gen_server, start_link,
                                         [{local, bench_child}, ?MODULE, [], []]}}]}};
init([]) -> {ok, 0}.
handle_call({echo, X}, _, S) -> {reply, X, S}.
handle_cast(_, S) -> {noreply, S}.
handle_info(_, S) -> {noreply, S}.
