// The floor under any scoring of JSON lines: reads the fields that scoring needs of each line with simdjson, adds them
// up so that nothing is optimised away, and writes nothing.
//
// Usage: floor FILE

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <simdjson.h>
#include <string_view>
#include <vector>

using namespace simdjson;

namespace {

struct Sums {
    uint64_t lines = 0;
    uint64_t text_bytes = 0;
    double numbers = 0;
};

void add_text(ondemand::value value, Sums &sums) {
    if (value.is_null()) return;
    sums.text_bytes += std::string_view(value.get_string()).size();
}

// Numbers may be texts.
void add_number(ondemand::value value, Sums &sums) {
    if (value.type() == ondemand::json_type::number) {
        sums.numbers += double(value);
    } else {
        add_text(value, sums);
    }
}

void read(ondemand::object transaction, Sums &sums) {
    add_text(transaction["transaction_id"], sums);
    add_text(transaction["user_id"], sums);
    add_number(transaction["amount"], sums);
    std::string_view text;
    if (!transaction["currency"].get_string().get(text)) sums.text_bytes += text.size();
    if (!transaction["transaction_type"].get_string().get(text)) sums.text_bytes += text.size();
    add_number(transaction["timestamp"], sums);
    ondemand::object location;
    if (!transaction["location"].get_object().get(location)) {
        sums.numbers += double(location["latitude"]) + double(location["longitude"]);
    }
}

}  // namespace

// Reads whole lines in blocks that stay in the cache, as anyone would who wants to be fast.
class LineBlocks {
   public:
    explicit LineBlocks(FILE *file) : file_(file), bytes_(capacity + SIMDJSON_PADDING) {}

    // The next block of whole lines; empty at the end.
    std::string_view next() {
        std::memmove(bytes_.data(), bytes_.data() + used_, filled_ - used_);
        filled_ -= used_;
        filled_ += std::fread(bytes_.data() + filled_, 1, capacity - filled_, file_);
        used_ = filled_;
        if (filled_ == capacity) {
            while (used_ > 0 && bytes_[used_ - 1] != '\n') used_ -= 1;
        }
        return {bytes_.data(), used_};
    }

   private:
    static constexpr size_t capacity = 1 << 18;
    FILE *file_;
    std::vector<char> bytes_;
    size_t filled_ = 0;
    size_t used_ = 0;
};

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? std::fopen(argv[1], "rb") : nullptr;
    if (!file) {
        std::fprintf(stderr, "usage: floor FILE\n");
        return 64;
    }
    std::setvbuf(file, nullptr, _IONBF, 0);
    try {
        ondemand::parser parser;
        LineBlocks blocks(file);
        Sums sums;
        for (std::string_view block = blocks.next(); !block.empty(); block = blocks.next()) {
            ondemand::document_stream documents = parser.iterate_many(block.data(), block.size(), block.size());
            for (auto document : documents) {
                read(document.get_object(), sums);
                sums.lines += 1;
            }
        }
        std::fprintf(stderr, "%llu lines, %llu bytes of text, numbers add up to %g\n",
                     static_cast<unsigned long long>(sums.lines), static_cast<unsigned long long>(sums.text_bytes),
                     sums.numbers);
    } catch (const std::exception &problem) {
        std::fprintf(stderr, "floor: %s\n", problem.what());
        return 1;
    }
}
