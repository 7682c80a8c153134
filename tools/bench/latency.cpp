// Writes lines into a command's standard input at a steady rate and measures how long each takes to come back from its
// standard output. One line at a time, as long as the writing keeps up; lines that are due together go together.
// Prints the percentiles in microseconds as JSON.
//
// Usage: latency FILE LINES_PER_SECOND SECONDS COMMAND [ARGUMENT...]

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

int64_t now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void sleep_until(int64_t moment) {
    const timespec time = {moment / 1'000'000'000, moment % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
    }
}

void write_all(int descriptor, const std::string &line) {
    for (size_t done = 0; done < line.size();) {
        const ssize_t count = write(descriptor, line.data() + done, line.size() - done);
        if (count > 0) done += count;
        if (count < 0 && errno != EINTR) std::exit(74);
    }
}

// When each line was written, and how long its answer took. Answers come in the order of the lines.
struct Measurement {
    std::vector<std::atomic<int64_t>> written;
    std::vector<int64_t> waited;

    explicit Measurement(size_t count) : written(count) { waited.reserve(count); }

    void read_answers(int descriptor) {
        std::vector<char> bytes(1 << 16);
        for (;;) {
            const ssize_t count = read(descriptor, bytes.data(), bytes.size());
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return;
            const int64_t moment = now();
            for (ssize_t index = 0; index < count; index++) {
                if (bytes[index] == '\n') waited.push_back(moment - written.at(waited.size()).load());
            }
        }
    }
};

pid_t start(char **command, int &to_child, int &from_child) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::exit(74);
    const pid_t child = fork();
    if (child == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execvp(command[0], command);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_child = in[1];
    from_child = out[0];
    return child;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc < 5) {
        std::fprintf(stderr, "usage: latency FILE LINES_PER_SECOND SECONDS COMMAND [ARGUMENT...]\n");
        return 64;
    }
    const double rate = std::atof(argv[2]);
    const auto count = static_cast<size_t>(rate * std::atof(argv[3]));
    std::vector<std::string> lines;
    std::ifstream file(argv[1]);
    for (std::string line; lines.size() < count && std::getline(file, line);) lines.push_back(line + "\n");
    if (lines.empty()) return 66;

    prctl(PR_SET_TIMERSLACK, 1);
    int to_child, from_child;
    const pid_t child = start(argv + 4, to_child, from_child);
    Measurement measurement(lines.size());
    std::thread reader([&] { measurement.read_answers(from_child); });
    const int64_t begin = now() + 200'000'000;
    for (size_t index = 0; index < lines.size();) {
        sleep_until(begin + static_cast<int64_t>(index * 1e9 / rate));
        const int64_t moment = now();
        std::string due;
        for (; index < lines.size() && begin + static_cast<int64_t>(index * 1e9 / rate) <= moment; index++) {
            measurement.written[index].store(moment);
            due += lines[index];
        }
        write_all(to_child, due);
    }
    const double achieved = (lines.size() - 1) * 1e9 / (now() - begin);
    close(to_child);
    reader.join();
    int status = 0;
    waitpid(child, &status, 0);
    auto &waited = measurement.waited;
    if (status != 0 || waited.size() != lines.size()) {
        std::fprintf(stderr, "latency: %zu answers to %zu lines, status %d\n", waited.size(), lines.size(), status);
        return 1;
    }
    std::sort(waited.begin(), waited.end());
    const auto at = [&](double part) { return waited[static_cast<size_t>((waited.size() - 1) * part)] / 1e3; };
    std::printf("{\"lines_per_second\":%.0f,\"lines\":%zu,\"p50\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"worst\":%.1f}\n",
                achieved, waited.size(), at(0.5), at(0.99), at(0.999), at(1));
}
