#include "proxy/config/yaml_tree.hpp"

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <string_view>

#include "proxy/utf8.hpp"

namespace proxy::config {
namespace {

int line_of(const YAML::Mark& mark) { return std::max(mark.line, 0) + 1; }

// yaml-cpp takes any bytes, and what it took for text need not come out of its emitter again.
void require_text(std::string_view yaml) {
    int line = 1;
    while (!yaml.empty()) {
        const Utf8Character character = decode_utf8(yaml);
        if (character.length == 0) throw YamlError(line, "a byte that is not UTF-8");
        const bool is_space = character.code == '\n' || character.code == '\r' || character.code == '\t';
        if (is_control(character.code) && !is_space) throw YamlError(line, "a control character");
        if (character.code == '\n') ++line;
        yaml.remove_prefix(character.length);
    }
}

// Builds the tree from the parser's events. `open_` points into vectors that do not grow while their last element is
// open, so the pointers stay good.
class TreeBuilder final : public YAML::EventHandler {
 public:
    Node root;

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(Node::Kind::null, mark, {}); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw YamlError(line_of(mark), "aliases (*name) are not supported");
    }
    void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string& value) override {
        add(Node::Kind::scalar, mark, value);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        open_.push_back(add(Node::Kind::list, mark, {}));
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
        open_.push_back(add(Node::Kind::map, mark, {}));
    }
    void OnMapEnd() override { open_.pop_back(); }

 private:
    Node* add(Node::Kind kind, const YAML::Mark& mark, const std::string& text) {
        if (open_.empty()) {
            root = Node{.kind = kind, .line = line_of(mark), .text = text};
            return &root;
        }
        Node& parent = *open_.back();
        if (parent.kind == Node::Kind::map && !key_pending_) {
            if (kind != Node::Kind::scalar) throw YamlError(line_of(mark), "a key is not a plain word");
            parent.children.push_back(Node{.key = text, .key_line = line_of(mark)});
            key_pending_ = true;
            return nullptr;
        }
        if (parent.kind == Node::Kind::list) parent.children.emplace_back();
        key_pending_ = false;
        Node& node = parent.children.back();
        node.kind = kind;
        node.line = line_of(mark);
        node.text = text;
        return &node;
    }

    std::vector<Node*> open_;
    bool key_pending_ = false;
};

void emit(YAML::Emitter& out, const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: out << YAML::Null; break;
        case Node::Kind::scalar: out << node.text; break;
        case Node::Kind::list: {
            const bool plain =
                std::ranges::all_of(node.children, [](const Node& child) { return child.kind == Node::Kind::scalar; });
            if (plain) out << YAML::Flow;
            out << YAML::BeginSeq;
            for (const Node& child : node.children) emit(out, child);
            out << YAML::EndSeq;
            break;
        }
        case Node::Kind::map:
            out << YAML::BeginMap;
            for (const Node& child : node.children) {
                out << YAML::Key << child.key << YAML::Value;
                emit(out, child);
            }
            out << YAML::EndMap;
            break;
    }
}

}  // namespace

Node parse_yaml(const std::string& yaml) {
    require_text(yaml);
    std::istringstream in(yaml);
    try {
        YAML::Parser parser(in);
        TreeBuilder first;
        parser.HandleNextDocument(first);
        TreeBuilder second;
        if (parser.HandleNextDocument(second)) throw YamlError(second.root.line, "a second document begins here");
        return std::move(first.root);
    } catch (const YAML::Exception& error) {
        throw YamlError(line_of(error.mark), error.msg);
    }
}

std::string write_yaml(const Node& root) {
    YAML::Emitter out;
    emit(out, root);
    return std::string(out.c_str(), out.size()) + '\n';
}

}  // namespace proxy::config
