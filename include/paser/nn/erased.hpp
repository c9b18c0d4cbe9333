#pragma once
#include "paser/core/macros_off.inc"

#include <memory>
#include <string>
#include <utility>

#include "paser/core/error.hpp"
#include "paser/nn/visit.hpp"

/// What values that forget the type of a module have in common: AnySegmenter, Estimator, Policy.
namespace paser::nn {

/// Owns an object of some class derived from Base; a copy owns a clone(), as Base must provide:
///   virtual std::unique_ptr<Base> clone() const = 0;
template <class Base>
class Cloned {
 public:
  explicit Cloned(std::unique_ptr<Base> object) : object_(std::move(object)) {}
  /// Throws ValueError when the other's object was moved away, as operator-> does.
  Cloned(const Cloned& other) : object_(other->clone()) {}
  Cloned(Cloned&&) noexcept = default;
  Cloned& operator=(Cloned other) noexcept {
    object_ = std::move(other.object_);
    return *this;
  }

  Base* operator->() const {
    check<ValueError>(object_ != nullptr, "Cloned", "what this held (a network, policy or estimator) was moved away");
    return object_.get();
  }
  Base* get() const { return object_.get(); }  ///< The object, or null.

 private:
  std::unique_ptr<Base> object_;
};

/// Receives the members of a type-erased module.
template <class T>
struct MemberVisitor {
  virtual ~MemberVisitor() = default;
  virtual void visit(const std::string& name, Parameter<T, 1>& p) = 0;
  virtual void visit(const std::string& name, Parameter<T, 2>& p) = 0;
  virtual void visit(const std::string& name, Parameter<T, 3>& p) = 0;
  virtual void visit(const std::string& name, Parameter<T, 4>& p) = 0;
  virtual void visit(const std::string& name, Buffer<T, 1>& b) = 0;
};

namespace detail {

template <class T, class F, bool Const>
struct ForwardMembers final : MemberVisitor<T> {
  F& f;
  explicit ForwardMembers(F& target) : f(target) {}
  template <class Member>
  void forward(const std::string& name, Member& m) {
    if constexpr (Const) {
      f(name.c_str(), std::as_const(m));
    } else {
      f(name.c_str(), m);
    }
  }
  void visit(const std::string& name, Parameter<T, 1>& p) override { forward(name, p); }
  void visit(const std::string& name, Parameter<T, 2>& p) override { forward(name, p); }
  void visit(const std::string& name, Parameter<T, 3>& p) override { forward(name, p); }
  void visit(const std::string& name, Parameter<T, 4>& p) override { forward(name, p); }
  void visit(const std::string& name, Buffer<T, 1>& b) override { forward(name, b); }
};

}  // namespace detail

/// Walks the module inside `erased`, which has visit(MemberVisitor<T>&), for the visit() of the value that holds it.
/// Self: that value, const or not.
template <class T, class Self, class Erased, class F>
void visit_erased(const Erased& erased, F& f) {
  detail::ForwardMembers<T, F, std::is_const_v<Self>> forward(f);
  erased->visit(forward);
}

/// Shows the members of a module to the visitor; a type without visit() has none.
template <class T, class Module>
void show_members(Module& module, MemberVisitor<T>& visitor) {
  if constexpr (requires { Module::visit(module, [](const char*, auto&) {}); })
    walk(module, [&visitor](const std::string& name, auto& member) { visitor.visit(name, member); });
}

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
