// Loaded before the C library (LD_PRELOAD), this stands between a program and its disk. It counts the calls that change
// files below one folder, writes them down, and lets one of them go wrong. Set by the environment:
//   FAULTY_ROOT   the folder; calls on other files pass through unseen
//   FAULTY_TRACE  a file to which every call is written, with its bytes (format: see trace_call)
//   FAULTY_AT     the number of the call, from 1, that goes wrong
//   FAULTY_KIND   how: eio, enospc (and every write after it), torn (half is written, then EIO),
//                 kill (the process dies before the call), torn_kill (dies when half is written)
//   FAULTY_CLOCK  when set, the time of day jumps by years at each look
#pragma once
