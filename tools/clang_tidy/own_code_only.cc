// A clang-tidy plugin: the checks walk the declarations of this project, not those of outside headers.
//
// clang-tidy matches the whole translation unit and only then drops what was found in system headers, so
// nine tenths of its time goes into Boost, fmt and the standard library. This narrows the walk before it
// begins; findings in our own files stay the same. clang-tidy loads it with --load.
//
// Declarations of a precompiled header are never handed to a consumer as top-level ones, so they stay on
// disk: that is what makes a precompiled header pay here.
#include <clang/AST/ASTConsumer.h>
#include <clang/AST/ASTContext.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendPluginRegistry.h>

#include <memory>
#include <string>
#include <vector>

namespace {

class OwnCodeOnly final : public clang::ASTConsumer {
 public:
  bool HandleTopLevelDecl(clang::DeclGroupRef group) override {
    for (clang::Decl* declaration : group) {
      const clang::SourceManager& files = declaration->getASTContext().getSourceManager();
      if (!files.isInSystemHeader(declaration->getLocation())) own_.push_back(declaration);
    }
    return true;
  }

  void HandleTranslationUnit(clang::ASTContext& context) override {
    context.setTraversalScope(own_);
  }

 private:
  std::vector<clang::Decl*> own_;
};

class OwnCodeOnlyAction final : public clang::PluginASTAction {
 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& /*compiler*/,
                                                        llvm::StringRef /*file*/) override {
    return std::make_unique<OwnCodeOnly>();
  }
  bool ParseArgs(const clang::CompilerInstance& /*compiler*/,
                 const std::vector<std::string>& /*arguments*/) override {
    return true;
  }
  ActionType getActionType() override { return AddBeforeMainAction; }
};

const clang::FrontendPluginRegistry::Add<OwnCodeOnlyAction> kRegistered(
    "own-code-only", "restricts AST walks to code outside system headers");

}  // namespace
