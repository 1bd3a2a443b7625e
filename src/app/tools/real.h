// A binary floating-point number of any precision, by MPFR; every operation is correctly rounded to nearest.
#pragma once

#include <gmpxx.h>
#include <mpfr.h>

#include <string>
#include <utility>

namespace mains {

class Real {
 public:
  explicit Real(int precision) { mpfr_init2(value_, precision); }
  Real(const mpq_class& value, int precision) : Real(precision) {
    mpfr_set_q(value_, value.get_mpq_t(), MPFR_RNDN);
  }
  Real(const Real& other) : Real(other.precision()) { mpfr_set(value_, other.value_, MPFR_RNDN); }
  Real(Real&& other) noexcept : Real(MPFR_PREC_MIN) { mpfr_swap(value_, other.value_); }
  Real& operator=(Real other) noexcept {
    mpfr_swap(value_, other.value_);
    return *this;
  }
  ~Real() { mpfr_clear(value_); }

  mpfr_ptr get() { return value_; }
  mpfr_srcptr get() const { return value_; }
  int precision() const { return static_cast<int>(mpfr_get_prec(value_)); }

 private:
  mpfr_t value_;
};

}  // namespace mains
