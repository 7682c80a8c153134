import AssayCore

/// What inputs and outputs of one kind share: a map at the top of the file under the key of that kind.
struct SharedSettings {
    private let common: [String: YAMLNode]

    /// `common`: by key.
    init(_ common: [String: YAMLNode] = [:]) {
        self.common = common
    }

    /// An input or output with what it lacks of its kind's settings.
    func complete(_ node: YAMLNode) -> YAMLNode {
        guard case .map(var outer) = node.content,
            let place = outer.firstIndex(where: { common[$0.key] != nil }),
            case .map(let own) = outer[place].value.content,
            case .map(let shared)? = common[outer[place].key]?.content
        else { return node }
        let lacking = shared.filter { member in !own.contains { $0.key == member.key } }
        outer[place].value = YAMLNode(content: .map(own + lacking), position: outer[place].value.position)
        return YAMLNode(content: .map(outer), position: node.position)
    }
}
