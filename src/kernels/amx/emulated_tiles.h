// For tests: the tile instructions on a processor that lacks them. It refuses each as unknown; a handler of
// SIGILL then does what the manual says (Intel SDM, volume 2: LDTILECFG to TILEZERO) and goes on behind it.
// So the very code that a processor with tiles runs is tested on any x86-64, if at thousandths of its speed.
#pragma once

#if defined(__x86_64__)

#include <signal.h>
#include <sys/ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "base/cpu.h"

namespace mains {

namespace emulated {

constexpr int kTiles = 8;
constexpr int kNone = 0, k66 = 1, kF3 = 2, kF2 = 3;  // what the prefix says of the operation
struct Tile {
  uint8_t bytes[16][64] = {};
  int rows = 0, row_bytes = 0;
};
struct State {
  bool configured = false;
  Tile tiles[kTiles];
};

// An instruction with a prefix of three bytes (C4), from the second map (0F 38).
struct Instruction {
  int prefix, opcode, mod, reg, rm, third;
  uint8_t* address = nullptr;  // where rm is memory
  int64_t stride = 0;          // where it has an index
  int length = 0;
};

}  // namespace emulated

// While it lives, on the thread that made it; does nothing where the processor has tiles. One at a time.
class EmulatedTiles {
 public:
  EmulatedTiles() {
    if (IsaSupported(Isa::kAmx)) return;
    state_ = State();
    struct sigaction action = {};
    action.sa_sigaction = Handle;
    action.sa_flags = SA_SIGINFO;
    installed_ = sigaction(SIGILL, &action, &before_) == 0;
    CHECK(installed_);
  }
  ~EmulatedTiles() {
    if (installed_) sigaction(SIGILL, &before_, nullptr);
  }
  EmulatedTiles(const EmulatedTiles&) = delete;
  EmulatedTiles& operator=(const EmulatedTiles&) = delete;

 private:
  using Tile = emulated::Tile;
  using State = emulated::State;
  using Instruction = emulated::Instruction;
  static constexpr int kTiles = emulated::kTiles;

  static int64_t Register(const ucontext_t& context, int number) {
    static constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};
    return context.uc_mcontext.gregs[kOrder[number]];
  }

  static bool Decode(const ucontext_t& context, Instruction* out) {
    const auto* code = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
    if (code[0] != 0xC4 || (code[1] & 31) != 2) return false;
    const int x = code[1] & 0x40 ? 0 : 8, b = code[1] & 0x20 ? 0 : 8;
    *out = {.prefix = code[2] & 3,
            .opcode = code[3],
            .mod = code[4] >> 6,
            .reg = code[4] >> 3 & 7,
            .rm = code[4] & 7,
            .third = ~(code[2] >> 3) & 15};
    int at = 5;
    if (out->mod != 3) {
      int64_t address = 0;
      int base = out->rm + b;
      if (out->rm == 4) {
        const int sib = code[at++], index = (sib >> 3 & 7) + x;
        base = (sib & 7) + b;
        if (index != 4) out->stride = Register(context, index) * (int64_t{1} << (sib >> 6));
      }
      if (out->mod == 0 && (base & 7) == 5) return false;  // no base, or relative to the instruction
      address = Register(context, base);
      if (out->mod == 1) {
        address += static_cast<int8_t>(code[at]);
        at += 1;
      } else if (out->mod == 2) {
        int32_t displacement;
        std::memcpy(&displacement, code + at, sizeof(displacement));
        address += displacement;
        at += 4;
      }
      out->address = reinterpret_cast<uint8_t*>(address);
    }
    out->length = at;
    return true;
  }

  static bool Configure(const uint8_t* config) {
    state_ = State();
    if (config[0] != 1) return false;
    state_.configured = true;
    for (int t = 0; t < 16; ++t) {
      uint16_t row_bytes;
      std::memcpy(&row_bytes, config + 16 + 2 * t, sizeof(row_bytes));
      const int rows = config[48 + t];
      if (rows > 16 || row_bytes > 64 || row_bytes % 4 != 0) return false;
      if ((rows == 0) != (row_bytes == 0) || (t >= kTiles && rows != 0)) return false;
      if (t < kTiles) {
        state_.tiles[t].rows = rows;
        state_.tiles[t].row_bytes = row_bytes;
      }
    }
    return true;
  }

  template <typename T>
  static T At(const Tile& tile, int row, int column) {
    T value;
    std::memcpy(&value, tile.bytes[row] + column * static_cast<int>(sizeof(T)), sizeof(T));
    return value;
  }
  // Denormals are zeros on the way in and on the way out.
  static float Flush(float a) { return std::fpclassify(a) == FP_SUBNORMAL ? std::copysign(0.0f, a) : a; }
  static float Bf16At(const Tile& tile, int row, int column) {
    const uint32_t bits = static_cast<uint32_t>(At<uint16_t>(tile, row, column)) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return Flush(value);
  }

  // sums += x w, four bytes or two bf16 at a time; `prefix` says which bytes are signed.
  static bool Multiply(int opcode, int prefix, Tile& sums, const Tile& x, const Tile& w) {
    const bool shapes = sums.rows != 0 && x.rows == sums.rows && w.row_bytes == sums.row_bytes &&
                        w.rows == x.row_bytes / 4 && w.rows != 0;
    if (!shapes || &sums == &x || &sums == &w || &x == &w) return false;
    for (int i = 0; i < sums.rows; ++i) {
      for (int j = 0; j < sums.row_bytes / 4; ++j) {
        if (opcode == 0x5E) {
          const bool x_signed = prefix == emulated::kF2 || prefix == emulated::kF3;
          const bool w_signed = prefix == emulated::kF2 || prefix == emulated::k66;
          int32_t sum = At<int32_t>(sums, i, j);
          for (int k = 0; k < x.row_bytes; ++k) {
            const int a = x_signed ? At<int8_t>(x, i, k) : At<uint8_t>(x, i, k);
            const int at = 4 * j + k % 4;
            const int b = w_signed ? At<int8_t>(w, k / 4, at) : At<uint8_t>(w, k / 4, at);
            sum += a * b;
          }
          std::memcpy(sums.bytes[i] + 4 * j, &sum, sizeof(sum));
          continue;
        }
        float even = 0, odd = 0;
        for (int k = 0; k < x.row_bytes / 4; ++k) {
          even = Flush(std::fma(Bf16At(x, i, 2 * k), Bf16At(w, k, 2 * j), even));
          odd = Flush(std::fma(Bf16At(x, i, 2 * k + 1), Bf16At(w, k, 2 * j + 1), odd));
        }
        const float sum = Flush(Flush(At<float>(sums, i, j)) + Flush(even + odd));
        std::memcpy(sums.bytes[i] + 4 * j, &sum, sizeof(sum));
      }
    }
    return true;
  }

  // False: not one of the instructions, or one that the processor would refuse too.
  static bool Execute(const Instruction& in) {
    using namespace emulated;
    if (in.opcode == 0x49 && in.prefix == kNone) {
      if (in.mod != 3) return Configure(in.address);
      state_ = State();  // TILERELEASE
      return in.reg == 0 && in.rm == 0;
    }
    if (!state_.configured) return false;
    Tile& tile = state_.tiles[in.reg];
    if (in.opcode == 0x49 && in.prefix == kF2 && in.mod == 3) {
      if (tile.rows == 0) return false;
      std::memset(tile.bytes, 0, sizeof(tile.bytes));
      return true;
    }
    if (in.opcode == 0x4B && in.mod != 3 && in.rm == 4 && in.prefix != kNone) {
      if (tile.rows == 0) return false;
      if (in.prefix != kF3) std::memset(tile.bytes, 0, sizeof(tile.bytes));
      for (int r = 0; r < tile.rows; ++r) {
        uint8_t* memory = in.address + r * in.stride;
        const size_t n = static_cast<size_t>(tile.row_bytes);
        if (in.prefix == kF3) {
          std::memcpy(memory, tile.bytes[r], n);
        } else {
          std::memcpy(tile.bytes[r], memory, n);
        }
      }
      return true;
    }
    const bool bytes = in.opcode == 0x5E, bf16 = in.opcode == 0x5C && in.prefix == kF3;
    if (in.mod != 3 || in.third >= kTiles || (!bytes && !bf16)) return false;
    return Multiply(in.opcode, in.prefix, tile, state_.tiles[in.rm], state_.tiles[in.third]);
  }

  static void Handle(int, siginfo_t*, void* pointer) {
    auto& context = *static_cast<ucontext_t*>(pointer);
    Instruction in = {};
    if (!Decode(context, &in) || !Execute(in)) {
      signal(SIGILL, SIG_DFL);  // the instruction runs again, and ends the program as it should
      return;
    }
    context.uc_mcontext.gregs[REG_RIP] += in.length;
  }

  static inline State state_;
  struct sigaction before_ = {};
  bool installed_ = false;
};

}  // namespace mains

#endif
