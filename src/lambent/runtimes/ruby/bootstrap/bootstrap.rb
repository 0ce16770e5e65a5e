# frozen_string_literal: true

# Runs a Ruby function: takes events from the Runtime API, hands them to the handler, posts what it answers.
# Works on Ruby 3.0 and later with nothing but what Ruby brings, in two ways: booted ahead, when _LAMBENT_CHANNEL names
# the descriptor from which the assignment's one JSON line comes, or with its complete environment.
require "json"
require "logger"
require "socket"
require "stringio"
require "time"

module Lambent
  API = "/2018-06-01/runtime"
  CUT_BYTES = 256 * 1024
  TEXT_FRAME = 0xa55a0003
  LEVELS = { "DEBUG" => 2, "INFO" => 3, "WARN" => 4, "ERROR" => 5, "FATAL" => 6 }.freeze
  TRACE_LINES = 100
  CODES = { init: 252, critical: 255 }.freeze
  # The classes that the error type's header may name; any other is the function's own business.
  NAMED = %w[ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError].freeze

  BAD_HANDLER = "Invalid handler %s, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME " \
                "corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace " \
                "and METHOD is a callable method. If using CLASS, METHOD must be a class-level method."

  class << self
    attr_accessor :request_id, :log
  end

  # The log's descriptor: records in frames, so that one of many lines stays one.
  class Log
    def initialize(descriptor)
      @file = descriptor && IO.for_fd(Integer(descriptor), "wb", autoclose: false)
      @file&.sync = true
    end

    def write(text, level = nil)
      return $stdout.write(text) unless @file

      micros = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
      type = TEXT_FRAME | ((LEVELS[level] || 0) << 2)
      data = text.dup.force_encoding(Encoding::BINARY)
      0.step(data.bytesize - 1, CUT_BYTES) do |at|
        part = data.byteslice(at, CUT_BYTES)
        @file.write([type, part.bytesize, micros].pack("NNQ>") << part)
      end
    end
  end

  # What a Logger on the standard output writes its lines to.
  class LogDevice
    def write(text)
      Lambent.log.write(text, text[/\A[A-Z], \[[^\]]*\] +([A-Z]+) /, 1])
    end

    def close; end
  end

  # Loggers on the standard output and error carry the request's id, and write records.
  module InvocationLogger
    def initialize(device = nil, *rest, **options)
      return super unless [$stdout, $stderr, STDOUT, STDERR].include?(device)

      super(LogDevice.new, *rest, **options)
      @default_formatter = LineFormatter.new
    end
  end

  class LineFormatter < Logger::Formatter
    def call(severity, time, progname, message)
      stamp = format_datetime(time)
      request_id = Lambent.request_id
      "#{severity[0]}, [#{stamp} ##{Process.pid}] #{severity.rjust(5)} #{request_id} -- #{progname}: #{msg2str(message)}\n"
    end
  end

  # An error as the Runtime API takes it.
  class Report
    attr_reader :type, :header

    def initialize(error, origin)
      name = error.class.to_s
      @type = "#{origin}<#{name}>"
      @header = NAMED.include?(name) ? @type : "#{origin}<UserException>"
      @message = error.message.to_s.dup.force_encoding(Encoding::UTF_8).scrub
      @trace = trace(error)
    end

    def document
      { errorMessage: @message, errorType: @type, stackTrace: @trace }
    end

    private

    # Down to where the function was called from here.
    def trace(error)
      lines = error.backtrace || []
      lines.first(TRACE_LINES).take_while { |line| !line.start_with?("#{__FILE__}:") }
    end
  end

  # Given to the handler.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
                :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

    def initialize(headers)
      @aws_request_id = headers["lambda-runtime-aws-request-id"]
      @deadline_ms = headers["lambda-runtime-deadline-ms"].to_i
      @invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
      @tenant_id = headers["lambda-runtime-aws-tenant-id"]
      @identity = parsed(headers["lambda-runtime-cognito-identity"])
      @client_context = parsed(headers["lambda-runtime-client-context"])
      @log_group_name = ENV["AWS_LAMBDA_LOG_GROUP_NAME"]
      @log_stream_name = ENV["AWS_LAMBDA_LOG_STREAM_NAME"]
      @function_name = ENV["AWS_LAMBDA_FUNCTION_NAME"]
      @memory_limit_in_mb = ENV["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
      @function_version = ENV["AWS_LAMBDA_FUNCTION_VERSION"]
    end

    def get_remaining_time_in_millis
      left = @deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)
      left.positive? ? left : 0
    end

    private

    def parsed(text)
      text.nil? || text.empty? ? nil : JSON.parse(text)
    end
  end

  # The function's code: a top-level method, or a class's own.
  class Handler
    attr_reader :file

    def initialize(name)
      parts = name.split(".")
      raise ArgumentError, format(BAD_HANDLER, name) unless [2, 3].include?(parts.size)

      @file = parts.first
      @class_name = parts[1] if parts.size == 3
      @method = parts.last
    end

    def call(event, context)
      target = @class_name ? Kernel.const_get(@class_name) : TOPLEVEL
      target.__send__(@method, event: event, context: context)
    end
  end

  # The connection to the Runtime API.
  class Api
    def initialize(address)
      @address = address
      @host, _, @port = address.rpartition(":")
      @next = "GET #{API}/invocation/next HTTP/1.1\r\nHost: #{address}\r\n\r\n".b
      connect
    end

    def ask
      @socket.write(@next)
    end

    # The next event's headers and body.
    def event
      status, headers, body = answer
      abort("The Runtime API refused to give an event: #{status}") unless status == "200"
      [headers, body]
    end

    # Post what the handler answered and ask for the next event, in one write.
    def respond(id, body, type)
      post("/invocation/#{id}/response", body, "Content-Type: #{type}\r\n", @next)
    end

    def fail(id, report, ends:)
      post("/invocation/#{id}/error", *described(report), ends ? nil : @next)
    end

    def init_error(report)
      post("/init/error", *described(report), nil)
    end

    private

    def connect
      @socket = TCPSocket.new(@host, Integer(@port))
      @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      @rest = String.new(capacity: 65_536, encoding: Encoding::BINARY)
    end

    def described(report)
      header = report.header.gsub(/[^\x21-\x7e]/, "?")
      [JSON.generate(report.document),
       "Content-Type: application/vnd.aws.lambda.error+json\r\nLambda-Runtime-Function-Error-Type: #{header}\r\n"]
    end

    def post(path, body, headers, following)
      head = "POST #{API}#{path} HTTP/1.1\r\nHost: #{@address}\r\n#{headers}Content-Length: #{body.bytesize}\r\n\r\n"
      begin
        @socket.write(head, body, following.to_s)
        _, headers, = answer
      rescue Errno::EPIPE, Errno::ECONNRESET
        headers = { "connection" => "close" } # it does not read to the end what is far too large
      end
      return unless following && headers["connection"]&.casecmp?("close")

      @socket.close
      connect
      ask
    end

    def answer
      head = take_head
      length = 0
      lines = head.split("\r\n")
      headers = lines.drop(1).to_h do |line|
        name, value = line.split(":", 2)
        [name.downcase, value.to_s.strip.force_encoding(Encoding::UTF_8)]
      end
      length = headers["content-length"].to_i
      @rest << @socket.readpartial(1 << 20) while @rest.bytesize < length
      [lines.first.split[1], headers, @rest.slice!(0, length)]
    rescue EOFError
      exit!(0) # the Runtime API is gone, and so is the sense of this process
    end

    def take_head
      until (at = @rest.index("\r\n\r\n".b))
        @rest << @socket.readpartial(65_536)
      end
      head = @rest.slice!(0, at + 4)
      head.byteslice(0, at)
    end
  end

  # The handler between the Runtime API on one side and the log on the other.
  class Runtime
    def initialize(api)
      @api = api
    end

    def start
      @handler = Handler.new(ENV["_HANDLER"].to_s)
      require @handler.file
    rescue Exception => e # whatever ends a function's initialisation is to be told, exits and syntax errors too
      report = Report.new(e, "Init")
      log_error("Init error when loading handler #{ENV['_HANDLER']}", report)
      @api.init_error(report)
      exit!(CODES[:init])
    end

    def run
      @api.ask
      loop { invoke(*@api.event) }
    end

    private

    def invoke(headers, body)
      id = Lambent.request_id = headers["lambda-runtime-aws-request-id"]
      ENV["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]
      document, type = handled(headers, body)
      $stdout.flush
    rescue NoMethodError, StandardError => e
      failed(id, e, "Error raised from handler method", ends: e.instance_of?(NameError))
    rescue Exception => e # exits, and what else no function is expected to go on after
      failed(id, e, "Critical exception from handler", ends: true)
    else
      @api.respond(id, document, type)
    end

    def handled(headers, body)
      event = JSON.parse(body.force_encoding(Encoding::UTF_8))
      result = @handler.call(event, Context.new(headers))
      return [result.read.to_s, "application/unknown"] if result.is_a?(StringIO) || result.is_a?(IO)

      [result.to_json, "application/json"]
    end

    def failed(id, error, message, ends:)
      report = Report.new(error, "Function")
      log_error(message, report)
      @api.fail(id, report, ends: ends)
      exit!(CODES[:critical]) if ends
    end

    def log_error(message, report)
      Lambent.log.write("#{message}\n#{JSON.pretty_generate(report.document)}\n", "ERROR")
      $stdout.flush
      $stderr.flush
    end
  end

  class << self
    # Take the environment that the assignment's line brings.
    def become_assigned(descriptor)
      line = IO.open(Integer(descriptor), &:gets)
      exit!(0) if line.nil?
      ENV.replace(JSON.parse(line)["env"])
      Gem.clear_paths
      ENV["RUBYLIB"].to_s.split(":").reverse_each { |folder| $LOAD_PATH.unshift(folder) }
    end

    def main
      channel = ENV["_LAMBENT_CHANNEL"]
      $stdout.sync = $stderr.sync = true
      rehearse if channel
      api = Api.new(ENV.fetch("AWS_LAMBDA_RUNTIME_API")) # a waiting process connects when it is ready
      become_assigned(channel) if channel
      root = ENV["LAMBDA_TASK_ROOT"] || "/var/task"
      Dir.chdir(root) if Dir.exist?(root)
      $LOAD_PATH.unshift(root) unless $LOAD_PATH.first == root
      self.log = Log.new(ENV.delete("_LAMBDA_TELEMETRY_LOG_FD"))
      Logger.prepend(InvocationLogger)
      runtime = Runtime.new(api)
      runtime.start
      runtime.run
    end

    private

    # Run once what an invocation needs, before it belongs to anyone.
    def rehearse
      JSON.parse('{"a":[1,2.5,"x",null,true]}').to_json
      JSON.pretty_generate(Report.new(RuntimeError.new("rehearsal"), "Function").document)
      Context.new("lambda-runtime-deadline-ms" => "0").get_remaining_time_in_millis
      Gem::Specification.stubs
    end
  end
end

Lambent::TOPLEVEL = self
Process.setproctitle("ruby")
$PROGRAM_NAME = "ruby"
Lambent.main
