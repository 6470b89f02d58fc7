"""Grading submitted notebooks without trusting them.

A student's notebook is a program that somebody else wrote, and 300 of them are run in a row on a machine that holds
the solutions, the hidden checks, the other submissions and the marks. What one of them may cost is its own author's
marks.

**What runs where.** ``classroom`` has each file read by a process of its own (``notebooks.read``), then starts for each
submission a trusted process (``submission``), and that one starts the student's process (``session``, ``child``) in a
container (``container``). The student's process gets the source of the cells and nothing else: no check, no expected
value, no path. After the cells have run, the checks run in the *trusted* process; where a check calls the student's
function, a message goes to the student's process and the result comes back as a plain value (``wire``: JSON and raw
arrays, never pickle). So the score is computed where the student's code cannot reach.

**The container** is an allow-list, built by bubblewrap: the system's programs, Python, its packages, the book's package
and data, read-only, and a work folder of limited size. Network, processes, keyrings, sockets, devices and settings of
the kernel are out of reach; the user has no rights, also where the grader is root. Before any student's code runs, the
grader starts a program of its own in it that tries to get out (``probe``), and looks itself at what came of it. Where that
fails, nothing is graded (``--uncontained`` grades all the same).

**What a submission may try, and what comes of it.**

- *Replace otter, NumPy's comparisons or the checks; write into the tests' folder; write a results file.* All of that
  happens in its own process, where no check runs and no result is written.
- *Return an object that equals everything, an endless range, a message of gigabytes.* Only plain values of limited size
  come over; a stand-in for anything else compares by identity. The trusted process has limits of its own.
- *Send false messages over the pipe.* They are answers of its own functions; what is malformed, too large or too deep
  ends the process.
- *Read the solution, the hidden checks, a neighbour's work, another clone; ask the network or a daemon; write anywhere.*
  None of it is there.
- *Leave what its functions have seen of a check for a later start.* There is no place to leave it, and what a start
  prints or raises after checks have run is not passed on.
- *Hand in a link, a damaged file, one of 60 GB, or one that takes hours to read.* It gets a row and a page that say so.
- *Loop, sleep, exit, kill itself, exhaust memory, processes, disk or the screen.* Limits on each cell, each call, the
  whole, memory, processes, file size and output; those of time count processor seconds, and what the clock stopped is
  graded once more, alone. A cell that ends the process is left out and the notebook is started again, so that it costs
  the questions that depend on it; a function that does so during a check costs that question.
- *Outlive its time, or the grader.* It is ended with everything that it started, also when the grader is killed.

**What remains.** A function that is asked often can count its calls and see its arguments; nothing of that leaves its
process. Memory is looked at twenty times a second, so that for a moment a submission may hold more than it may. A flaw in
the kernel, in bubblewrap, in Python's JSON reader or in NumPy's is not guarded against. Whoever wants more than one kernel
between students and marks grades in a virtual machine.
"""
