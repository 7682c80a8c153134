import AssayCore
import CYAML

/// One value of a YAML file, with its position.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        /// `isPlain`: without quotes, so that it may be a number or a truth value.
        case scalar(String, isPlain: Bool)
        case list([YAMLNode])
        /// In the order of the file; keys are unique.
        case map([(key: String, position: TextPosition, value: YAMLNode)])
    }
    package let content: Content
    package let position: TextPosition
    /// The position of a scalar's text, if the file has it unchanged.
    var textPosition: TextPosition?

    var kindName: String {
        switch content {
        case .scalar: "a single value"
        case .list: "a list"
        case .map: "a map"
        }
    }
}

/// Reads the YAML that configurations use: one document of maps, lists and scalars, without aliases.
struct YAMLReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let path: String
    private let scalars: FlowScalars

    private static let deepestNesting = 64

    /// Returns the document's value, nil when it is empty.
    static func read(_ bytes: [UInt8], path: String) throws(ConfigurationError) -> YAMLNode? {
        let reader = YAMLReader(path: path, FlowScalars(bytes))
        let result: Result<YAMLNode?, ConfigurationError> = reader.scalars.bytes.withUnsafeBufferPointer { bytes in
            yaml_parser_set_input_string(reader.parser, bytes.baseAddress, bytes.count)
            do throws(ConfigurationError) {
                return .success(try reader.document())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(path: String, _ scalars: FlowScalars) {
        self.path = path
        self.scalars = scalars
        parser = .allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else { preconditionFailure("out of memory") }
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    private enum Event {
        case scalar(String, isPlain: Bool, quotes: Int?)
        case listStart, listEnd, mapStart, mapEnd, documentStart, end, alias
    }

    private func document() throws(ConfigurationError) -> YAMLNode? {
        let (first, _) = try next()
        guard case .documentStart = first else { return nil }
        let (event, position) = try next()
        let node = try value(event, position, depth: 0)
        let (behind, behindPosition) = try next()
        guard case .end = behind else { throw fault("a configuration is one document", behindPosition) }
        if case .scalar("", isPlain: true) = node.content { return nil }
        return node
    }

    private func value(_ event: Event, _ position: TextPosition, depth: Int) throws(ConfigurationError) -> YAMLNode {
        guard depth < Self.deepestNesting else { throw fault("nested too deeply", position) }
        switch event {
        case .scalar(let text, let isPlain, let quotes):
            let textPosition = quotes.map { TextPosition(line: position.line, column: position.column + $0) }
            return YAMLNode(
                content: .scalar(text, isPlain: isPlain), position: position, textPosition: textPosition)
        case .listStart:
            var elements: [YAMLNode] = []
            while true {
                let (event, elementPosition) = try next()
                if case .listEnd = event { return YAMLNode(content: .list(elements), position: position) }
                elements.append(try value(event, elementPosition, depth: depth + 1))
            }
        case .mapStart:
            var members: [(key: String, position: TextPosition, value: YAMLNode)] = []
            while true {
                let (event, keyPosition) = try next()
                if case .mapEnd = event { return YAMLNode(content: .map(members), position: position) }
                guard case .scalar(let key, _, _) = event else { throw fault("a key must be a name", keyPosition) }
                guard !members.contains(where: { $0.key == key }) else {
                    throw fault("'\(key)' is given twice", keyPosition)
                }
                let (valueEvent, valuePosition) = try next()
                members.append((key, keyPosition, try value(valueEvent, valuePosition, depth: depth + 1)))
            }
        case .alias: throw fault("aliases (*name) are not supported", position)
        case .listEnd, .mapEnd, .documentStart, .end: throw fault("a value was expected", position)
        }
    }

    /// Returns the next relevant event.
    private func next() throws(ConfigurationError) -> (Event, TextPosition) {
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else { throw parserFault }
            defer { yaml_event_delete(&event) }
            let position = Self.position(event.start_mark)
            switch event.type {
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
                let quotes: Int? =
                    switch scalar.style {
                    case YAML_PLAIN_SCALAR_STYLE: 0
                    case YAML_SINGLE_QUOTED_SCALAR_STYLE, YAML_DOUBLE_QUOTED_SCALAR_STYLE: 1
                    default: nil
                    }
                // With escapes or several lines the text differs from the file's.
                let (start, end) = (event.start_mark, event.end_mark)
                let place = FlowScalars.Place(line: start.line, column: start.column)
                let text = String(decoding: scalars.restored(Array(bytes), at: place), as: UTF8.self)
                let isVerbatim =
                    start.line == end.line
                    && Int(end.column) - Int(start.column) == text.unicodeScalars.count + 2 * (quotes ?? 0)
                let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
                return (.scalar(text, isPlain: isPlain, quotes: isVerbatim ? quotes : nil), position)
            case YAML_SEQUENCE_START_EVENT: return (.listStart, position)
            case YAML_SEQUENCE_END_EVENT: return (.listEnd, position)
            case YAML_MAPPING_START_EVENT: return (.mapStart, position)
            case YAML_MAPPING_END_EVENT: return (.mapEnd, position)
            case YAML_ALIAS_EVENT: return (.alias, position)
            case YAML_DOCUMENT_START_EVENT: return (.documentStart, position)
            case YAML_STREAM_END_EVENT: return (.end, position)
            default: continue
            }
        }
    }

    private static func position(_ mark: yaml_mark_t) -> TextPosition {
        TextPosition(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private func fault(_ message: String, _ position: TextPosition) -> ConfigurationError {
        ConfigurationError(path: path, position: position, message: message)
    }

    private var parserFault: ConfigurationError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not YAML"
        let context = parser.pointee.context.map { " " + String(cString: $0) } ?? ""
        // A text that YAML takes for something else is the usual reason.
        let isText = problem.contains("mapping values are not allowed") || context.contains("flow")
        let hint = isText ? "; a text with any of , : { } [ ] # may have to be in quotes: '…'" : ""
        return fault("\(problem)\(context)\(hint)", Self.position(parser.pointee.problem_mark))
    }
}
