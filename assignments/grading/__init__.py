"""Grading submitted notebooks without trusting them.

A student's notebook is a program that somebody else wrote, and 300 of them are run in a row on a machine that holds
the solutions, the hidden checks, the other submissions and the marks. What one of them may cost is its own author's
marks.

**What runs where.** ``classroom`` starts for each submission a trusted process (``submission``), and that one starts
the student's process (``session``, ``child``). The student's process gets the source of the cells and nothing else:
no check, no expected value, no path. After the cells have run, the checks run in the *trusted* process; where a check
calls the student's function, a message goes to the student's process and the result comes back as a plain value
(``wire``: JSON and raw arrays, never pickle). So the score is computed where the student's code cannot reach.

**What a submission may try, and what comes of it.**

- *Replace otter, NumPy's comparisons or the checks; write into the tests' folder; write a results file.* All of that
  happens in its own process, where no check runs and no result is written.
- *Return an object that equals everything.* Only plain values come over; a stand-in for anything else compares by
  identity.
- *Send false messages over the pipe.* They are answers of its own functions; what is malformed, too large or too deep
  ends the process.
- *Read the solution, the hidden checks or a neighbour's work.* Where the system has user namespaces (``sandbox``),
  the folders that hold them look empty and other processes are out of sight.
- *Ask the network.* None there, by the same means.
- *Delete or overwrite files.* It runs in a temporary folder; by the same means everything else is read-only.
- *Loop, sleep, exit, kill itself, exhaust memory, processes, disk or the screen.* Limits on each cell, each call, the
  whole, memory, processes, file size and output. A cell that ends the process is left out and the notebook is started
  again, so that it costs the questions that depend on it; a function that does so during a check costs that question.
- *Outlive its time.* It is ended with everything that it started.

**What remains.** On a system without user namespaces (macOS, Windows, some containers) the code runs with the
grader's rights on files and network; the report says so, and such a system should grade in a container or under a
user of its own. A function that is asked often can count its calls and see its arguments, so hidden inputs could be
carried out of a grading run only by what it prints, and what is printed goes to the feedback page: the page shows
what the cells printed, not what was printed during the checks. A flaw in the kernel, in Python's JSON reader or in
NumPy's is not guarded against. Otter's own autograder, on Gradescope for example, runs checks and student's code in
one process, with less protection.
"""
