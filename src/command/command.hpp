#pragma once

/// The command `paser`: its subcommands, each in a file of its name, so that each is compiled alone. argv[0] is what it
/// was called by; they return the exit status.
namespace command {

int run_bench(int argc, char** argv);
int run_check(int argc, char** argv);
int run_compare(int argc, char** argv);
int run_convert(int argc, char** argv);
int run_evaluate(int argc, char** argv);
int run_info(int argc, char** argv);
int run_segment(int argc, char** argv);
int run_segment_many(int argc, char** argv);
int run_synthesize(int argc, char** argv);
int run_train(int argc, char** argv);

}  // namespace command
