%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: The Osier authors

%% The same work as the cases of osier-bench, for Erlang/OTP: prints one line of the same form.
-module(peer_bench).
-compile([export_all, nowarn_export_all]).

main([Case | Args]) ->
    logger:set_primary_config(level, none),
    run(list_to_atom(Case), [list_to_integer(A) || A <- Args]),
    halt(0).

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
    report(timers, N, Us, "").

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
